import { existsSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { compareContracts, refusedChanges } from '../compatibility.js';
import { docsPage } from '../derive/docs-page.js';
import { envelopeJsonSchema } from '../derive/json-schema.js';
import { protoFile } from '../derive/protobuf.js';
import { tagColumns } from '../derive/table.js';
import { typeScriptSource } from '../derive/typescript.js';
import { type DeviceTypeContract, latestContract } from '../device-type.js';
import type { TagValue } from '../envelope.js';
import { deviceTypes } from './registry.generated.js';

interface Golden {
  readonly name: string;
  readonly payload: string;
  readonly values: Record<string, TagValue>;
}

function golden(contract: DeviceTypeContract): Golden[] {
  const folder = contract.deviceType.replaceAll('_', '-');
  const file = new URL(`./${folder}/v${contract.version}/golden.json`, import.meta.url);
  if (!existsSync(file)) throw new Error(`${contract.deviceType} ${contract.version} has no golden.json`);
  return JSON.parse(readFileSync(file, 'utf8')) as Golden[];
}

const ajv = new Ajv2020({ allErrors: true, strict: true, strictTypes: false });
const contracts = [...deviceTypes.values()].flatMap((type) =>
  type.versions.map((contract) => ({ type, contract })),
);

describe.each(contracts)('$contract.deviceType $contract.version', ({ type, contract }) => {
  it('has valid, unique names, compact keys and field numbers', () => {
    const { tags } = contract;
    for (const tag of tags) {
      expect(tag.name).toMatch(/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/);
      expect(tag.number).toBeGreaterThanOrEqual(4);
      expect(tag.number).toBeLessThan(100);
      expect(['v', 'id', 't', 's', 'm', 'e']).not.toContain(tag.short);
    }
    for (const key of ['name', 'short', 'number'] as const) {
      expect(new Set(tags.map((tag) => tag[key])).size).toBe(tags.length);
    }
  });

  it('accepts its golden messages for ever, and brings them to the newest shape', () => {
    const validate = ajv.compile(envelopeJsonSchema(contract, 'contract-test'));
    for (const { name, payload, values } of golden(contract)) {
      const message = JSON.parse(payload) as { d: Record<string, TagValue | { v: TagValue }> };
      expect([name, validate(message), validate.errors]).toEqual([name, true, null]);
      const bare = Object.fromEntries(
        Object.entries(message.d).map(([k, x]) => [k, typeof x === 'object' && x !== null ? x.v : x]),
      );
      expect(contract.upgrade ? contract.upgrade(bare) : bare).toEqual(values);
      const known = latestContract(type).tags.map((tag) => tag.name);
      expect(known).toEqual(expect.arrayContaining(Object.keys(values)));
    }
  });

  it('accepts unknown fields in production and rejects them in contract tests (CT-4)', () => {
    const message = JSON.parse(golden(contract)[0]!.payload) as { d: Record<string, unknown> };
    message.d.brand_new_tag = 5;
    const { $id: _production, ...production } = envelopeJsonSchema(contract, 'production');
    const { $id: _test, ...test } = envelopeJsonSchema(contract, 'contract-test');
    expect(ajv.validate(production, message)).toBe(true);
    expect(ajv.validate(test, message)).toBe(false);
  });

  it('derives a column, a proto field, a type member and a docs row for every tag', () => {
    for (const tag of contract.tags) {
      expect(protoFile(contract)).toContain(` ${tag.name} = ${tag.number};`);
      expect(typeScriptSource(contract)).toContain(` ${tag.name}?: `);
      expect(docsPage(type)).toContain(`| \`${tag.name}\` |`);
    }
    expect(tagColumns(type).map((column) => column.valueColumn)).toEqual(
      latestContract(type).tags.map((tag) => tag.name),
    );
  });
});

describe('compareContracts', () => {
  const base = latestContract(deviceTypes.get('centrifugal_pump')!);
  const change = (
    edit: (tags: DeviceTypeContract['tags'][number][]) => DeviceTypeContract['tags'][number][],
  ) => compareContracts(base, { ...base, version: '2.2', tags: edit([...base.tags]) });
  const first = base.tags[0]!;

  it.each([
    ['nothing', (t: (typeof first)[]) => t, []],
    [
      'an optional field',
      (t: (typeof first)[]) => [...t, { ...first, name: 'npsh_m', short: 'np', number: 50 }],
      ['add_optional safe'],
    ],
    [
      'a required field',
      (t: (typeof first)[]) => [...t, { ...first, name: 'npsh_m', short: 'np', number: 50, required: true }],
      ['add_required coordinate'],
    ],
    [
      'a rename',
      (t: (typeof first)[]) => [{ ...first, name: 'temp_in_c' }, ...t.slice(1)],
      ['rename breaking', 'reuse_number breaking', 'add_optional safe'],
    ],
    ['a removal', (t: (typeof first)[]) => t.slice(1), ['remove breaking']],
    ['a unit', (t: (typeof first)[]) => [{ ...first, unit: '°F' }, ...t.slice(1)], ['change_unit breaking']],
    [
      'a narrower type',
      (t: (typeof first)[]) => [{ ...first, type: 'int32' as const }, ...t.slice(1)],
      ['change_type breaking'],
    ],
    [
      'narrower limits',
      (t: (typeof first)[]) => [{ ...first, limits: [0, 10] as const }, ...t.slice(1)],
      ['narrow_limits breaking'],
    ],
    [
      'wider limits',
      (t: (typeof first)[]) => [{ ...first, limits: [-100, 1000] as const }, ...t.slice(1)],
      ['widen_limits safe'],
    ],
    [
      'a moved number',
      (t: (typeof first)[]) => [{ ...first, number: 60 }, ...t.slice(1)],
      ['reuse_number breaking'],
    ],
  ])('judges %s', (_name, edit, expected) => {
    expect(change(edit).map((c) => `${c.kind} ${c.verdict}`)).toEqual(expected);
  });

  it('refuses by mode: a new required field passes FORWARD, nothing is refused by NONE', () => {
    const required = change((t) => [
      ...t,
      { ...first, name: 'npsh_m', short: 'np', number: 50, required: true },
    ]);
    expect(refusedChanges(required, 'FULL')).toHaveLength(1);
    expect(refusedChanges(required, 'BACKWARD')).toHaveLength(1);
    expect(refusedChanges(required, 'FORWARD')).toHaveLength(0);
    expect(
      refusedChanges(
        change((t) => t.slice(1)),
        'NONE',
      ),
    ).toHaveLength(0);
  });
});
