export { seededRandom } from '@millrace/foundation';

/**
 * The seeds a seeded test runs: `MILLRACE_TEST_SEED` alone when it is set (to replay one failure), else
 * `MILLRACE_TEST_SEEDS` of them, else `count`, counted from 1. Put the seed into the test's name.
 */
export function seeds(count: number): number[] {
  const one = process.env.MILLRACE_TEST_SEED;
  if (one) return [Number(one)];
  const wanted = Number(process.env.MILLRACE_TEST_SEEDS ?? count);
  if (!Number.isInteger(wanted) || wanted < 1)
    throw new RangeError('MILLRACE_TEST_SEEDS must be a whole number above 0.');
  return Array.from({ length: wanted }, (_, i) => i + 1);
}

/** Whether the long forms were asked for (`npm test -- --long`). */
export const longTests: boolean = process.env.MILLRACE_TEST_LONG === '1';
