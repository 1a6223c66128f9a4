import type { Ajv2020, ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import { envelopeJsonSchema } from '../derive/json-schema.js';
import type { DeviceType, DeviceTypeContract } from '../device-type.js';

/** A message a firmware team says it will send; `text` is the payload as bytes on the wire would read. */
export interface SampleMessage {
  readonly name: string;
  readonly text: string;
}

/** What a consumer relies on. A tag it does not name may come and go without asking it. */
export interface ConsumerExpectation {
  /** Who relies on it, for the report: `alarm rules`, `energy report`. */
  readonly consumer: string;
  readonly device_type: string;
  readonly tags: readonly ExpectedTag[];
}

export interface ExpectedTag {
  readonly name: string;
  readonly unit?: string;
  readonly type?: string;
  /** True = at least one sample of the version must carry the tag. */
  readonly required?: boolean;
}

/** One broken promise: in which sample or expectation, at which place, and what to do. */
export interface ContractFinding {
  readonly where: string;
  readonly path: string;
  readonly message: string;
}

export interface ContractTestReport {
  readonly passed: number;
  readonly findings: readonly ContractFinding[];
}

/**
 * Tests sample messages against the contracts, with unknown fields rejected, and the contracts against what
 * consumers expect (CT-6). Pure: reading files and printing is the caller's.
 */
export async function runContractTest(
  types: ReadonlyMap<string, DeviceType>,
  deviceType: string,
  samples: readonly SampleMessage[],
  expectations: readonly ConsumerExpectation[] = [],
): Promise<ContractTestReport> {
  const type = types.get(deviceType);
  if (!type) {
    const known = [...types.keys()].join(', ');
    return {
      passed: 0,
      findings: [{ where: deviceType, path: '', message: `is not a known device type; known are ${known}` }],
    };
  }
  // Loaded here, so that a gateway, which reads contracts too, does not carry a validator it never uses.
  const { Ajv2020 } = await import('ajv/dist/2020.js');
  const validators = new Map(type.versions.map((contract) => [contract.version, compile(Ajv2020, contract)]));
  const findings: ContractFinding[] = [];
  const sentTags = new Set<string>();
  let passed = 0;
  for (const sample of samples) {
    const found = checkSample(sample, type, validators, sentTags);
    if (found.length === 0) passed++;
    findings.push(...found);
  }
  for (const expectation of expectations.filter((e) => e.device_type === deviceType)) {
    const found = checkExpectation(expectation, type, sentTags);
    if (found.length === 0) passed++;
    findings.push(...found);
  }
  return { passed, findings };
}

function compile(Validator: typeof Ajv2020, contract: DeviceTypeContract): ValidateFunction {
  return new Validator({ allErrors: true, strict: false }).compile(
    envelopeJsonSchema(contract, 'contract-test'),
  );
}

function checkSample(
  sample: SampleMessage,
  type: DeviceType,
  validators: ReadonlyMap<string, ValidateFunction>,
  sentTags: Set<string>,
): ContractFinding[] {
  let message: { schema_version?: unknown; d?: unknown };
  try {
    message = JSON.parse(sample.text) as typeof message;
  } catch (error) {
    return [{ where: sample.name, path: '', message: `is not JSON: ${(error as Error).message}` }];
  }
  // CT-2: a missing version means 1.0.
  const version = String(message.schema_version ?? '1.0');
  const validate = validators.get(version);
  if (!validate) {
    const known = [...validators.keys()].join(', ');
    return [
      {
        where: sample.name,
        path: 'schema_version',
        message: `${version} has no contract; ${type.name} has ${known}`,
      },
    ];
  }
  if (validate(message)) {
    const contract = type.versions.find((candidate) => candidate.version === version);
    const values =
      typeof message.d === 'object' && message.d !== null ? (message.d as Record<string, never>) : {};
    for (const tag of Object.keys(contract?.upgrade ? contract.upgrade(values) : values)) sentTags.add(tag);
    return [];
  }
  return readable(validate.errors ?? []).map((finding) => ({ where: sample.name, ...finding }));
}

/** Ajv reports each branch of the "bare value or {v, q}" choice; a reader wants the one that fits the sample's shape. */
function readable(errors: readonly ErrorObject[]): { path: string; message: string }[] {
  const byPath = new Map<string, string[]>();
  for (const error of errors) {
    if (error.keyword === 'anyOf') continue;
    const path = error.instancePath.slice(1).replaceAll('/', '.');
    const extra = (error.params as { additionalProperty?: string }).additionalProperty;
    const text =
      extra === undefined
        ? (error.message ?? 'is wrong')
        : `has "${extra}", which the contract does not name`;
    byPath.set(path, [...(byPath.get(path) ?? []), text]);
  }
  return [...byPath].map(([path, messages]) => ({ path, message: [...new Set(messages)].join(', or ') }));
}

function checkExpectation(
  expectation: ConsumerExpectation,
  type: DeviceType,
  sentTags: ReadonlySet<string>,
): ContractFinding[] {
  const latest = type.versions.at(-1);
  const where = `consumer "${expectation.consumer}"`;
  return expectation.tags.flatMap((expected): ContractFinding[] => {
    const tag = latest?.tags.find((candidate) => candidate.name === expected.name);
    const path = `d.${expected.name}`;
    if (!tag)
      return [{ where, path, message: `is expected, but ${type.name} ${latest?.version} does not have it` }];
    const findings: ContractFinding[] = [];
    if (expected.unit !== undefined && expected.unit !== tag.unit) {
      findings.push({
        where,
        path,
        message: `is expected in "${expected.unit}", the contract says "${tag.unit}"`,
      });
    }
    if (expected.type !== undefined && expected.type !== tag.type) {
      findings.push({
        where,
        path,
        message: `is expected as ${expected.type}, the contract says ${tag.type}`,
      });
    }
    if (expected.required && !sentTags.has(expected.name)) {
      findings.push({ where, path, message: 'is required, but no sample carries it' });
    }
    return findings;
  });
}
