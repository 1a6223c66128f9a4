import { Quality } from '@millrace/contracts';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { newDeadbandState, passesDeadband } from './deadband.js';

const sample = fc.record({
  value: fc.oneof(fc.double({ min: -100, max: 100, noNaN: true }), fc.constant(null)),
  quality: fc.constantFrom(Quality.good, Quality.badSensorFailure, Quality.uncertain),
  stepMs: fc.integer({ min: 1, max: 5000 }),
});

it('never hides a quality change, a move above the width, or a silence above the interval', () => {
  fc.assert(
    fc.property(
      fc.array(sample, { maxLength: 60 }),
      fc.double({ min: 0, max: 20, noNaN: true }),
      (samples, width) => {
        const rule = { width, maxIntervalMs: 10_000 };
        const state = newDeadbandState();
        let at = 0;
        for (const { value, quality, stepMs } of samples) {
          at += stepMs;
          const passes = passesDeadband(rule, state, value, quality, at);
          const mustPass =
            !state.sent ||
            quality !== state.quality ||
            at - state.atMs >= rule.maxIntervalMs ||
            (value === null) !== (state.value === null) ||
            (typeof value === 'number' &&
              typeof state.value === 'number' &&
              Math.abs(value - state.value) > width);
          expect(passes).toBe(mustPass || (width === 0 && value !== state.value));
          if (passes) Object.assign(state, { sent: true, value, quality, atMs: at });
        }
      },
    ),
  );
});
