import { expect, it } from 'vitest';
import { type Clock, sleep, systemClock } from './clock.js';

it('wakes a sleeper at once when its signal aborts, and cancels the timer', async () => {
  let cancelled = 0;
  const clock: Clock = { ...systemClock, after: () => ({ cancel: () => void cancelled++ }) };
  const controller = new AbortController();
  const sleeping = sleep(clock, 1e9, controller.signal);
  controller.abort();
  await sleeping;
  expect(cancelled).toBe(1);
});
