import fc from 'fast-check';
import { expect, it } from 'vitest';
import { advancePulses, type PulseTotal } from './counters.js';

it('counts every pulse of a wrapping counter whose steps are below half its span', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 70_000 }),
      fc.nat(),
      fc.array(fc.nat(), { maxLength: 50 }),
      (rollover, first, steps) => {
        let shown = first % rollover;
        const start = shown;
        let total: PulseTotal = advancePulses(undefined, shown, rollover);
        let moved = 0;
        for (const raw of steps) {
          const step = raw % Math.max(1, Math.floor(rollover / 2));
          moved += step;
          shown = (shown + step) % rollover;
          total = advancePulses(total, shown, rollover);
        }
        expect(total.pulses).toBe(start + moved);
      },
    ),
  );
});

it('takes a small fall for a reset of the counter, not for a whole turn', () => {
  const before = advancePulses(undefined, 1000, 65_536);
  expect(advancePulses(before, 3, 65_536)).toEqual({ lastCount: 3, pulses: 1003 });
});
