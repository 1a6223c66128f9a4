import { expect, it } from 'vitest';
import { systemClock } from './clock.js';
import { seededRandom } from './random.js';
import { createUlidFactory, isUlid } from './ulid.js';

it('makes ULIDs that sort by creation, even when the clock stands still or steps back', () => {
  let now = 1_700_000_000_000;
  const next = createUlidFactory({ ...systemClock, nowMs: () => now }, seededRandom(1));
  const ids = [next(), next()];
  now -= 5000;
  ids.push(next());
  now += 10_000;
  ids.push(next());
  expect([...ids].sort()).toEqual(ids);
  expect(ids.every(isUlid)).toBe(true);
});

it('repeats from a seed', () => {
  const make = () => createUlidFactory({ ...systemClock, nowMs: () => 5 }, seededRandom(9))();
  expect(make()).toBe(make());
});

it('refuses what is not canonical', () => {
  for (const text of [
    '',
    '01HX7K3NBVYD5V2Q3BZ8MNRZW',
    '81HX7K3NBVYD5V2Q3BZ8MNRZWK',
    '01hx7k3nbvyd5v2q3bz8mnrzwk',
  ]) {
    expect(isUlid(text)).toBe(false);
  }
});
