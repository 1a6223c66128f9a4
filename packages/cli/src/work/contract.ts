import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CompatibilityMode,
  type ConsumerExpectation,
  type ContractChange,
  type ContractTestReport,
  compareContracts,
  type DeviceTypeContract,
  deviceTypes,
  docsPage,
  envelopeJsonSchema,
  latestContract,
  protoFile,
  refusedChanges,
  runContractTest,
  type SampleMessage,
  tagColumns,
  telemetryTable,
  typeScriptSource,
} from '@millrace/contracts';
import { configError, errorMessage, MillraceError, parseConfig } from '@millrace/foundation';
import type { Work } from '../command.js';
import { flagOption, textOption } from '../options.js';
import { printJson } from '../runtime/table.js';
import { contractFile, expectationFile } from './contract-file.js';

export const contractTest: Work = async (invocation) => {
  const type = textOption(invocation, 'type') ?? '';
  const samples = readSamples(textOption(invocation, 'samples') ?? '');
  const expect = textOption(invocation, 'expect');
  const report = await runContractTest(
    deviceTypes,
    type,
    samples,
    expect === undefined ? [] : readExpectations(expect),
  );
  if (flagOption(invocation, 'json')) printJson(report);
  else process.stdout.write(testText(report));
  return report.findings.length === 0 ? 0 : 1;
};

export const contractCompat: Work = async (invocation) => {
  const before = contractOf(invocation.args.old ?? '');
  const after = contractOf(invocation.args.new ?? '');
  const mode = (textOption(invocation, 'mode') ?? 'FULL') as CompatibilityMode;
  const changes = compareContracts(before, after);
  const refused = refusedChanges(changes, mode);
  if (flagOption(invocation, 'json')) printJson({ mode, changes, refused });
  else process.stdout.write(compatText(changes, refused, mode));
  return refused.length === 0 ? 0 : 1;
};

export const contractShow: Work = async (invocation) => {
  const version = textOption(invocation, 'version');
  const type = typeOf(invocation.args.type ?? '');
  const contract = version === undefined ? latestContract(type) : versionOf(type.name, version);
  const form = textOption(invocation, 'as') ?? 'markdown';
  process.stdout.write(`${shown(contract, form).trimEnd()}\n`);
  return 0;
};

function shown(contract: DeviceTypeContract, form: string): string {
  switch (form) {
    case 'json':
      return JSON.stringify(contract, null, 2);
    case 'json-schema':
      return JSON.stringify(envelopeJsonSchema(contract, 'production'), null, 2);
    case 'proto':
      return protoFile(contract);
    case 'typescript':
      return typeScriptSource(contract);
    case 'sql':
      return columnsSql(contract);
    default:
      return docsPage({ name: contract.deviceType, versions: [contract] });
  }
}

/** The contract's part of its table; the fixed columns (device, time, number, identity) are the same for every type. */
function columnsSql(contract: DeviceTypeContract): string {
  const columns = tagColumns({ name: contract.deviceType, versions: [contract] });
  const lines = [
    ...columns.map(({ valueColumn, valueType }) => `  ADD COLUMN IF NOT EXISTS ${valueColumn} ${valueType}`),
    ...columns.map(({ qualityColumn }) => `  ADD COLUMN IF NOT EXISTS ${qualityColumn} smallint`),
  ];
  return `ALTER TABLE ${telemetryTable(contract.deviceType)}\n${lines.join(',\n')};`;
}

/** One line a finding under its sample, so that a build's log says what to change. */
export function testText({ passed, findings }: ContractTestReport): string {
  const byPlace = new Map<string, string[]>();
  for (const { where, path, message } of findings)
    byPlace.set(where, [...(byPlace.get(where) ?? []), `  - ${path === '' ? '' : `${path}: `}${message}`]);
  const lines = [...byPlace].flatMap(([where, broken]) => [where, ...broken]);
  return `${[...lines, `${passed} passed, ${byPlace.size} failed.`].join('\n')}\n`;
}

const verdictMark = { safe: '+', coordinate: '!', breaking: '-' } as const;

/** The differences as a diff reads: `+` safe, `!` in the right order only, `-` breaking. */
export function compatText(
  changes: readonly ContractChange[],
  refused: readonly ContractChange[],
  mode: CompatibilityMode,
): string {
  if (changes.length === 0) return 'No difference that matters to a message.\n';
  const lines = changes.map(
    ({ verdict, advice }) => `${verdictMark[verdict]} ${verdict.padEnd(10)} ${advice}`,
  );
  const verdict =
    refused.length === 0
      ? `Accepted under ${mode}.`
      : `Refused under ${mode}: ${refused.length} of ${changes.length} change(s).`;
  return `${[...lines, verdict].join('\n')}\n`;
}

function typeOf(name: string) {
  const type = deviceTypes.get(name);
  if (type !== undefined) return type;
  const known = [...deviceTypes.keys()].join(', ');
  throw new MillraceError('not_found', `There is no device type "${name}": known are ${known}.`);
}

function versionOf(name: string, version: string): DeviceTypeContract {
  const type = typeOf(name);
  const found = type.versions.find((contract) => contract.version === version);
  if (found !== undefined) return found;
  const known = type.versions.map((contract) => contract.version).join(', ');
  throw new MillraceError('not_found', `${name} has no version ${version}: it has ${known}.`);
}

/** `type@version` of the product's own contracts, or a file. */
function contractOf(given: string): DeviceTypeContract {
  const [, type, version] = /^([a-z][a-z0-9_]*)@(\d+\.\d+)$/.exec(given) ?? [];
  if (type !== undefined && version !== undefined) return versionOf(type, version);
  const result = parseConfig(readText(given), contractFile);
  if (!result.ok) throw configError(given, result.problems);
  return result.value as unknown as DeviceTypeContract;
}

function readExpectations(file: string): readonly ConsumerExpectation[] {
  const result = parseConfig(readText(file), expectationFile);
  if (!result.ok) throw configError(file, result.problems);
  return result.value.expectations as unknown as readonly ConsumerExpectation[];
}

/** Samples of a folder by file name; a `.jsonl` file holds one a line. */
export function readSamples(dir: string): SampleMessage[] {
  let names: string[];
  try {
    names = readdirSync(dir)
      .filter((name) => /\.jsonl?$/.test(name))
      .sort();
  } catch (error) {
    throw new MillraceError(
      'config_unreadable',
      `The folder ${dir} cannot be read (${errorMessage(error)}).`,
    );
  }
  const samples = names.flatMap((name): SampleMessage[] => {
    const text = readText(join(dir, name));
    if (!name.endsWith('.jsonl')) return [{ name, text }];
    return text
      .split('\n')
      .map((line, i) => ({ name: `${name}:${i + 1}`, text: line }))
      .filter((sample) => sample.text.trim() !== '');
  });
  // A test of nothing must not pass: a mistyped path would stay green for ever.
  if (samples.length === 0)
    throw new MillraceError('not_found', `The folder ${dir} holds no .json or .jsonl file: check --samples.`);
  return samples;
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new MillraceError('config_unreadable', `${file} cannot be read (${errorMessage(error)}).`);
  }
}
