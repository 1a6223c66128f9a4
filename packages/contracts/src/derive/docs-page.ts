import type { DeviceType, DeviceTypeContract, TagContract } from '../device-type.js';
import { latestContract } from '../device-type.js';

/** The Markdown reference page of a device type: its newest contract and the older ones still accepted. */
export function docsPage(type: DeviceType): string {
  const latest = latestContract(type);
  const older = type.versions.slice(0, -1);
  return [
    `# ${latest.title}`,
    '',
    latest.doc,
    '',
    `Device type \`${latest.deviceType}\`, contract ${latest.version}.`,
    '',
    tagTable(latest),
    ...older.flatMap((contract) => [
      '',
      `## Still accepted: ${contract.version}`,
      '',
      contract.doc,
      '',
      tagTable(contract),
    ]),
    '',
  ].join('\n');
}

function tagTable(contract: DeviceTypeContract): string {
  const rows = contract.tags.map(
    (tag) =>
      `| \`${tag.name}\` | ${tag.type} | ${tag.unit} | ${span(tag.range)} | ${span(tag.limits)} | ${tag.timing} | \`${tag.short}\` | ${tag.number} | ${describe(tag)} |`,
  );
  return [
    '| tag | type | unit | range | accepted | timing | compact key | field | meaning |',
    '|---|---|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

function describe(tag: TagContract): string {
  const states =
    tag.states === undefined
      ? ''
      : ` ${Object.entries(tag.states)
          .map(([k, v]) => `${k} = ${v}`)
          .join(', ')}.`;
  const counter = tag.counter === undefined ? '' : ` A total that wraps at ${tag.counter.rollover}.`;
  return `${tag.doc}${states}${counter}`;
}

function span(range: readonly [number, number] | undefined): string {
  return range === undefined ? '' : `${range[0]} to ${range[1]}`;
}
