import { expect, it } from 'vitest';
import { deviceTypes } from '../device-types/registry.generated.js';
import { runContractTest } from './contract-test.js';

const good = {
  name: 'good.json',
  text: JSON.stringify({
    schema_version: '2.1',
    device_id: 'P-1',
    ts: 1,
    d: { pressure_bar: { v: 4, q: 192 }, flow_m3h: 3 },
  }),
};

it('passes samples that keep the contract, and consumers whose tags are there', async () => {
  const report = await runContractTest(
    deviceTypes,
    'centrifugal_pump',
    [good],
    [
      {
        consumer: 'alarms',
        device_type: 'centrifugal_pump',
        tags: [{ name: 'pressure_bar', unit: 'bar', type: 'float64', required: true }],
      },
    ],
  );
  expect(report).toEqual({ passed: 2, findings: [] });
});

it('counts the upgraded tags of an old sample as sent', async () => {
  const old = { name: 'old.json', text: JSON.stringify({ device_id: 'P-1', ts: 1, d: { temp: 5 } }) };
  const report = await runContractTest(
    deviceTypes,
    'centrifugal_pump',
    [old],
    [
      {
        consumer: 'report',
        device_type: 'centrifugal_pump',
        tags: [{ name: 'temp_inlet_c', required: true }],
      },
    ],
  );
  expect(report.findings).toEqual([]);
});

it.each([
  ['{"a":', 'is not JSON'],
  [JSON.stringify({ schema_version: '9.9', device_id: 'P-1', ts: 1, d: {} }), '9.9 has no contract'],
  [
    JSON.stringify({ schema_version: '2.1', device_id: 'P-1', ts: 1, d: { presure_bar: 4 } }),
    'has "presure_bar", which the contract does not name',
  ],
  [
    JSON.stringify({ schema_version: '2.1', device_id: 'P-1', ts: 1, d: { pressure_bar: 'x' } }),
    'must be number',
  ],
  [JSON.stringify({ schema_version: '2.1', device_id: 'P-1', d: {} }), "must have required property 'ts'"],
])('reads %s as broken', async (text, message) => {
  const report = await runContractTest(deviceTypes, 'centrifugal_pump', [{ name: 's.json', text }]);
  expect(report.passed).toBe(0);
  expect(report.findings.map((f) => f.message).join('\n')).toContain(message);
});

it('says which consumer breaks, and how', async () => {
  const { findings } = await runContractTest(
    deviceTypes,
    'centrifugal_pump',
    [good],
    [
      {
        consumer: 'energy report',
        device_type: 'centrifugal_pump',
        tags: [
          { name: 'power_mw' },
          { name: 'pressure_bar', unit: 'psi' },
          { name: 'power_kw', required: true },
        ],
      },
    ],
  );
  expect(findings.map((f) => `${f.path} ${f.message}`)).toEqual([
    'd.power_mw is expected, but centrifugal_pump 2.1 does not have it',
    'd.pressure_bar is expected in "psi", the contract says "bar"',
    'd.power_kw is required, but no sample carries it',
  ]);
});

it('names the known types when the type is not one of them', async () => {
  expect((await runContractTest(deviceTypes, 'pump', [])).findings[0]?.message).toContain('centrifugal_pump');
});
