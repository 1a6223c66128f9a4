import { monotonicFactory } from 'ulid';
import type { Clock } from './clock.js';
import type { Random } from './random.js';

/** Makes 26-character ULIDs that sort by time, and by order of creation within a millisecond. */
export function createUlidFactory(clock: Clock, random: Random): () => string {
  const next = monotonicFactory(() => random.next());
  return () => next(clock.nowMs());
}

const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/** True for a canonical (upper-case, Crockford base 32) ULID. */
export function isUlid(text: string): boolean {
  return ULID.test(text);
}
