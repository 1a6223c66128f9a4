import { expect, it } from 'vitest';
import { RateLimit } from './rate-limit.js';

it('counts callers apart, refuses over the limit, and forgives with the next minute', () => {
  const limit = new RateLimit();
  expect(limit.take('a', 2, 59_000)).toEqual({ remaining: 1, resetS: 1 });
  expect(limit.take('a', 2, 59_000).remaining).toBe(0);
  expect(limit.take('b', 2, 59_000).remaining).toBe(1);
  expect(limit.take('a', 2, 59_999).remaining).toBe(-1);
  expect(limit.refused).toBe(1);
  expect(limit.take('a', 2, 60_000)).toEqual({ remaining: 1, resetS: 60 });
});
