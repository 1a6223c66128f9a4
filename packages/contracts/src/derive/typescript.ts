import type { DeviceTypeContract, TagType } from '../device-type.js';

const tsTypes: Readonly<Record<TagType, string>> = {
  float64: 'number',
  int32: 'number',
  int64: 'number',
  boolean: 'boolean',
  string: 'string',
};

/** TypeScript source of the interface of a device type's values, for consumers of the API. */
export function typeScriptSource(contract: DeviceTypeContract): string {
  const name = contract.deviceType.replace(/(?:^|_)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  const members = contract.tags.map(
    (tag) =>
      `  /** ${tag.doc}${tag.unit === '' ? '' : ` Unit: ${tag.unit}.`} */\n  readonly ${tag.name}?: ${tsTypes[tag.type]} | null;`,
  );
  return `/** ${contract.doc} Contract ${contract.version}. */\nexport interface ${name}Values {\n${members.join('\n')}\n}\n`;
}
