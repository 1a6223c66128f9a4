import { Quality } from '@millrace/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addSample, newSampleBatch, type RawValue, type SampleBatch } from '../drivers/driver.js';
import { samplePlan } from '../peer.js';
import { assemble } from './assemble.js';
import { deadband, newDeadbandMemory } from './deadband.js';
import { normalise } from './normalise.js';

const plan = samplePlan();
const loop = plan.tags.find((tag) => tag.signal?.type === '4-20mA')!;
const power = plan.tags.find((tag) => tag.name === 'power_kw')!;
const other = plan.tags.find((tag) => tag.device.address.deviceId === 'P-102')!;

function batchOf(...rows: readonly (readonly [typeof loop, RawValue, number, number])[]): SampleBatch {
  const batch = newSampleBatch();
  for (const [tag, value, quality, at] of rows) addSample(batch, tag, value, quality, at);
  return batch;
}

describe('normalise', () => {
  it('turns a broken loop into quality 28 without a value, and 12 mA into the middle of the range', () => {
    const batch = batchOf([loop, 0, 192, 1], [loop, 12_000, 192, 1], [loop, 3700, 192, 1]);
    normalise(batch, new Map());
    expect(batch.values.slice(0, 2)).toEqual([null, 5]);
    expect(batch.qualities).toEqual([
      Quality.badSensorFailure,
      Quality.good,
      Quality.uncertainSensorNotAccurate,
    ]);
  });

  it('never lets a number out that is not finite or outside the contract, and never better than its source', () => {
    const anything = fc.oneof(fc.double(), fc.bigInt(), fc.boolean(), fc.string(), fc.constant(null));
    fc.assert(
      fc.property(anything, fc.constantFrom(0, 24, 28, 64, 68, 192, 216), (raw, quality) => {
        const batch = batchOf([power, raw, quality, 1]);
        normalise(batch, new Map());
        const value = batch.values[0]!;
        if (value !== null) {
          expect(typeof value).toBe('number');
          expect(value as number).toBeGreaterThanOrEqual(-10);
          expect(value as number).toBeLessThanOrEqual(1000);
        } else expect(batch.qualities[0]).toBeLessThan(64);
        expect(batch.qualities[0]).toBeLessThanOrEqual(quality);
      }),
    );
  });
});

describe('deadband', () => {
  it('accounts for every sample: taken = sent + suppressed, and what passes keeps its order', () => {
    const values = fc.array(
      fc.tuple(fc.double({ min: 0, max: 10, noNaN: true }), fc.integer({ min: 1, max: 30_000 })),
    );
    fc.assert(
      fc.property(values, (steps) => {
        const memory = newDeadbandMemory(plan);
        let sent = 0;
        let at = 0;
        for (const [value, wait] of steps) {
          at += wait;
          const batch = batchOf([loop, value, 192, at], [other, value, 192, at]);
          deadband(batch, memory, at);
          sent += batch.length;
          expect(batch.tags.slice(0, batch.length)).toEqual(
            [loop, other].filter((tag) => batch.tags.slice(0, batch.length).includes(tag)),
          );
        }
        const taken = memory.taken.reduce((a, b) => a + b, 0);
        expect(taken).toBe(steps.length * 2);
        expect(sent + memory.suppressed.reduce((a, b) => a + b, 0)).toBe(taken);
      }),
    );
  });
});

describe('assemble', () => {
  it('makes one message per device and moment, and keeps the spacing of queued samples', () => {
    const drafts = assemble(
      batchOf([loop, 1, 192, 1000], [power, 2, 192, 1005], [other, 3, 192, 1000], [loop, 4, 192, 1500]),
      9000,
    );
    expect(
      drafts.map(({ device, tsMs, sourceTsMs, d }) => [
        device.address.deviceId,
        tsMs,
        sourceTsMs,
        Object.keys(d),
      ]),
    ).toEqual([
      ['P-101', 8500, 1000, ['pressure_bar', 'power_kw']],
      ['P-101', 9000, 1500, ['pressure_bar']],
      ['P-102', 9000, 1000, ['pressure_bar']],
    ]);
  });

  it('loses no sample and overwrites none', () => {
    const row = fc.tuple(fc.constantFrom(loop, power, other), fc.integer(), fc.integer({ min: 0, max: 200 }));
    fc.assert(
      fc.property(fc.array(row, { maxLength: 60 }), (rows) => {
        const drafts = assemble(
          batchOf(...rows.map(([tag, value, at]) => [tag, value, 192, at] as const)),
          10_000,
        );
        const found = drafts.flatMap((draft) =>
          Object.entries(draft.d).map(([name, { v }]) => `${draft.device.address.deviceId}/${name}=${v}`),
        );
        const given = rows.map(([tag, value]) => `${tag.device.address.deviceId}/${tag.name}=${value}`);
        expect(found.sort()).toEqual(given.sort());
      }),
    );
  });
});
