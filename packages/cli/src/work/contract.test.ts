import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TempDir, tempDir } from '@millrace/testing';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { contractCompat, contractShow, contractTest } from './contract.js';
import { retirementText } from './contract-retire.js';

let home: TempDir;
let samples: string;
let said = '';
beforeAll(() => {
  home = tempDir('contract');
  samples = join(home.path, 'samples');
  mkdirSync(samples);
});
afterAll(() => home.remove());
const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
  said += text;
  return true;
});
afterEach(() => {
  said = '';
});
afterAll(() => spy.mockRestore());

const file = (name: string, text: string) => {
  const path = join(home.path, name);
  writeFileSync(path, text);
  return path;
};
const message = (more: object) =>
  JSON.stringify({
    schema_version: '2.1',
    device_id: 'P-1',
    ts: 1_790_000_000_000,
    seq: 1,
    d: { flow_m3h: { v: 1, q: 192 } },
    ...more,
  });
const run = (work: typeof contractTest, options: object, args: object = {}) =>
  work({ options: options as never, args: args as never });

describe('contract test', () => {
  const type = { type: 'centrifugal_pump' };

  test('passes what the contract and its consumers accept, of files and of lines', async () => {
    writeFileSync(join(samples, 'a.json'), message({}));
    writeFileSync(join(samples, 'b.jsonl'), `${message({ seq: 2 })}\n\n${message({ seq: 3 })}\n`);
    const expect_ = file(
      'ok.yaml',
      'expectations: [{consumer: report, device_type: centrifugal_pump, tags: [{name: flow_m3h, unit: m³/h, required: true}]}]',
    );
    expect(await run(contractTest, { ...type, samples, expect: expect_ })).toBe(0);
    expect(said).toBe('4 passed, 0 failed.\n');
  });

  test('names the sample, the field and the consumer of each broken promise, and exits 1', async () => {
    writeFileSync(join(samples, 'c.json'), message({ d: { flow: 5 } }));
    const expect_ = file(
      'bad.yaml',
      'expectations: [{consumer: alarms, device_type: centrifugal_pump, tags: [{name: pressure_bar, unit: kPa, required: true}]}]',
    );
    expect(await run(contractTest, { ...type, samples, expect: expect_ })).toBe(1);
    expect(said).toMatch(/c\.json\n {2}- d: has "flow"/);
    expect(said).toContain(
      'consumer "alarms"\n  - d.pressure_bar: is expected in "kPa", the contract says "bar"',
    );
    expect(said).toMatch(/3 passed, 2 failed\.\n$/);
  });

  test('does not pass on nothing, nor on a file that it cannot understand', async () => {
    const empty = join(home.path, 'empty');
    mkdirSync(empty);
    await expect(run(contractTest, { ...type, samples: empty })).rejects.toThrow(/no \.json/);
    await expect(run(contractTest, { ...type, samples: join(home.path, 'none') })).rejects.toThrow(
      /cannot be read/,
    );
    const wrong = file('wrong.yaml', 'expectations: [{consumer: x}]');
    await expect(run(contractTest, { ...type, samples, expect: wrong })).rejects.toMatchObject({
      code: 'config_invalid',
    });
  });
});

describe('contract compat', () => {
  test('takes what "contract show --as json" writes, and refuses by mode', async () => {
    await run(contractShow, { as: 'json' }, { type: 'centrifugal_pump' });
    const old = file('old.json', said);
    said = '';
    expect(await run(contractCompat, {}, { old: 'centrifugal_pump@2.1', new: old })).toBe(0);
    expect(said).toContain('No difference');
    said = '';
    const text = readFileSync(old, 'utf8').replace('"name": "flow_m3h"', '"name": "flow_lps"');
    const renamed = file('new.json', text);
    expect(await run(contractCompat, { mode: 'FULL' }, { old, new: renamed })).toBe(1);
    expect(said).toMatch(/^- breaking +"flow_m3h" was renamed to "flow_lps"/m);
    expect(said).toMatch(/Refused under FULL/);
    expect(await run(contractCompat, { mode: 'NONE' }, { old, new: renamed })).toBe(0);
  });

  test('says which versions there are', async () => {
    await expect(
      run(contractCompat, {}, { old: 'centrifugal_pump@7.0', new: 'centrifugal_pump@2.1' }),
    ).rejects.toThrow(/it has 1\.0, 2\.1/);
  });
});

test.each([
  ['json-schema', '"$schema"'],
  ['proto', 'message CentrifugalPumpTelemetry {'],
  ['typescript', 'export interface CentrifugalPumpValues'],
  ['markdown', '| `flow` |'],
  ['sql', 'ADD COLUMN IF NOT EXISTS flow double precision'],
])('contract show --as %s', async (as, text) => {
  await run(contractShow, { as, version: '1.0' }, { type: 'centrifugal_pump' });
  expect(said).toContain(text);
});

test('the verdict on a field tells by which firmware', () => {
  const group = { fw_version: '1.4.0', schema_version: '1.0', sending: 'yes' as const };
  const report = { device_type: 'x', field: 'temp', sending: 7, unknown: 0, may_retire: false };
  const ids = ['A', 'B', 'C', 'D', 'E', 'F', 'G'];
  const text = retirementText({ ...report, groups: [{ ...group, devices: 7, device_ids: ids }] });
  expect(text).toContain('A, B, C, D, E and 2 more');
  expect(text).toContain('Refused: 7 device(s) still send temp.');
});
