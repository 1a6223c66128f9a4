import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DeviceClock, judgeOffset } from './model.js';

const T = 1_790_000_000_000;

/** Periods of ten seconds with a message a second; `delay` by the number of the message. */
function run(clock: DeviceClock, periods: number, offset: number, delay: (i: number) => number): void {
  for (let i = 0; i < periods * 10; i++) {
    const at = T + i * 1_000;
    clock.observe(at + 200, at + offset, at + delay(i));
    if (i % 10 === 9) clock.close(at + 1_000);
  }
}

describe('a clock', () => {
  it('is measured within the shortest delay, whatever the jitter and whatever is late', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -3_600_000, max: 3_600_000 }),
        fc.array(fc.integer({ min: 20, max: 30_000 }), { minLength: 7, maxLength: 7 }),
        (offset, delays) => {
          const clock = new DeviceClock();
          run(clock, 5, offset, (i) => (i % 5 === 0 ? 20 : delays[i % 7]!));
          expect(clock.gateway.median()).toBe(offset - 20);
        },
      ),
    );
  });

  it('is not measured from a backlog that drains', () => {
    const clock = new DeviceClock();
    run(clock, 5, 0, () => 20);
    for (let period = 0; period < 20; period++) {
      // An hour of readings in ten seconds, again and again.
      for (let i = 0; i < 60; i++)
        clock.observe(-1, T - 10_000_000 + period * 60_000 + i * 1_000, T + period * 10_000 + i * 100);
      clock.close(T + period * 10_000);
    }
    expect(clock.gateway.median()).toBe(-20);
  });

  it('is not measured from a source time stamp that only repeats', () => {
    const clock = new DeviceClock();
    for (let i = 0; i < 100; i++) {
      clock.observe(T, T + i * 1_000, T + i * 1_000 + 20);
      if (i % 10 === 9) clock.close(T + i * 1_000);
    }
    expect(clock.source.median()).toBeUndefined();
  });

  it('says nothing before it has three readings', () => {
    const clock = new DeviceClock();
    run(clock, 2, 0, () => 20);
    expect(clock.gateway.median()).toBeUndefined();
    run(clock, 1, 0, () => 20);
    expect(clock.gateway.median()).toBe(-20);
  });
});

it.each([
  [5_001, 'ok', 'drifting'],
  [-5_001, 'ok', 'drifting'],
  [5_000, 'ok', 'ok'],
  [4_500, 'drifting', 'drifting'],
  [3_999, 'drifting', 'ok'],
  [undefined, 'drifting', 'unknown'],
] as const)('an offset of %s ms after %s is %s', (offset, was, state) => {
  expect(judgeOffset(offset, 5_000, was)).toBe(state);
});
