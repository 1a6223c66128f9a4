import { sleep } from '@millrace/foundation';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ManualClock } from './manual-clock.js';

describe('ManualClock', () => {
  test('stands still until it is advanced', () => {
    const clock = new ManualClock(1000);
    expect([clock.nowMs(), clock.monotonicMs()]).toEqual([1000, 0]);
    clock.advance(250);
    expect([clock.nowMs(), clock.monotonicMs()]).toEqual([1250, 250]);
  });

  test('fires timers in order of due time, each seeing its own due time', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1000 }), { maxLength: 30 }), (delays) => {
        const clock = new ManualClock();
        const fired: { delay: number; at: number; index: number }[] = [];
        delays.forEach((delay, index) => {
          clock.after(delay, () => fired.push({ delay, at: clock.monotonicMs(), index }));
        });
        clock.advance(1000);
        expect(fired.length).toBe(delays.length);
        for (const one of fired) expect(one.at).toBe(one.delay);
        const expected = delays.map((delay, index) => ({ delay, index }));
        expected.sort((a, b) => a.delay - b.delay || a.index - b.index);
        expect(fired.map((one) => one.index)).toEqual(expected.map((one) => one.index));
      }),
    );
  });

  test('repeats a period, runs a timer made by a timer, and forgets a cancelled one', () => {
    const clock = new ManualClock();
    const seen: string[] = [];
    const every = clock.every(100, () => {
      seen.push(`every ${clock.monotonicMs()}`);
      if (clock.monotonicMs() === 200) clock.after(50, () => seen.push(`after ${clock.monotonicMs()}`));
    });
    const cancelled = clock.after(120, () => seen.push('never'));
    cancelled.cancel();
    cancelled.cancel();
    clock.advance(300);
    every.cancel();
    clock.advance(300);
    expect(seen).toEqual(['every 100', 'every 200', 'after 250', 'every 300']);
    expect(clock.pendingTimers).toBe(0);
  });

  test('steps the wall time without firing anything', () => {
    const clock = new ManualClock(0);
    let fired = 0;
    clock.after(10, () => fired++);
    clock.stepWall(-5000);
    expect([clock.nowMs(), clock.monotonicMs(), fired]).toEqual([-5000, 0, 0]);
  });

  test('lets promises run between timers', async () => {
    const clock = new ManualClock();
    const wakes: number[] = [];
    const work = (async () => {
      for (let i = 0; i < 3; i++) {
        await sleep(clock, 10);
        wakes.push(clock.monotonicMs());
      }
    })();
    await clock.advanceAsync(100);
    await work;
    expect(wakes).toEqual([10, 20, 30]);
  });

  test('refuses to go back', () => {
    expect(() => new ManualClock().advance(-1)).toThrow('cannot move by -1 ms');
    expect(() => new ManualClock().every(0, () => {})).toThrow('above 0 ms');
  });
});
