import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RunSet } from './run-set.js';

const step = fc.oneof(
  fc.record({ first: fc.integer({ min: 1, max: 80 }), length: fc.constant(1) }),
  fc.record({ first: fc.integer({ min: 1, max: 80 }), length: fc.integer({ min: 1, max: 12 }) }),
);

it('agrees with a plain Set whatever is added in whatever order', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 90 }), (steps, probe) => {
      const runs = new RunSet();
      const naive = new Set<number>();
      for (const { first, length } of steps) {
        if (length === 1) {
          expect(runs.add(first)).toBe(!naive.has(first));
          naive.add(first);
        } else {
          runs.addRun(first, first + length - 1);
          for (let n = first; n < first + length; n++) naive.add(n);
        }
      }
      for (let n = 0; n <= 95; n++) expect(runs.has(n)).toBe(naive.has(n));
      expect(runs.size).toBe(naive.size);
      expect(runs.max).toBe(Math.max(0, ...naive));
      const listed = [...runs.runs()];
      for (let i = 1; i < listed.length; i++)
        expect(listed[i]!.first).toBeGreaterThan(listed[i - 1]!.last + 1);
      const missing = runs.holes(5, probe).flatMap(({ first, last }) => numbers(first, last));
      expect(missing).toEqual(numbers(5, probe).filter((n) => !naive.has(n)));
      expect(runs.countWithin(5, probe)).toBe(numbers(5, probe).filter((n) => naive.has(n)).length);
    }),
    { numRuns: 500 },
  );
});

function numbers(first: number, last: number): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
}
