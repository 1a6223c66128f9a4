import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FailureWindow, refusedBackoffMs } from './retry.js';

it('waits min(30 s * 2^attempts, 3600 s) after a refusal (ED-2)', () => {
  expect([0, 1, 2, 6, 7, 8, 1000].map(refusedBackoffMs)).toEqual([
    30_000, 60_000, 120_000, 1_920_000, 3_600_000, 3_600_000, 3_600_000,
  ]);
});

it('counts what a plain list of the window counts, to a bucket', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 90_000 })), { maxLength: 80 }),
      (steps) => {
        const window = new FailureWindow(300_000, 30);
        const seen: { failed: boolean; bucket: number }[] = [];
        let now = 0;
        for (const [failed, step] of steps) {
          now += step;
          window.add(failed, now);
          seen.push({ failed, bucket: Math.floor(now / 10_000) });
          const inside = seen.filter((entry) => entry.bucket > Math.floor(now / 10_000) - 30);
          expect(window.read(now).total).toBe(inside.length);
          expect(window.read(now).failed).toBe(inside.filter((entry) => entry.failed).length);
        }
      },
    ),
  );
});
