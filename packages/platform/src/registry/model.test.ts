import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pageOf } from './model.js';

const rows = fc.uniqueArray(fc.record({ id: fc.string(), n: fc.integer({ min: 0, max: 3 }) }), {
  selector: (row) => row.id,
});

describe('pages', () => {
  it('give every row once and in order, whatever the page size and order', () => {
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 5 }), fc.constantFrom('n', '-n'), (all, limit, sort) => {
        const seen: { id: string; n: number }[] = [];
        let cursor: string | undefined;
        do {
          const page = pageOf(
            all,
            { sort, limit, cursor },
            (row) => row.n,
            (row) => row.id,
          );
          expect(page.total_count).toBe(all.length);
          expect(page.items.length).toBeLessThanOrEqual(limit);
          seen.push(...page.items);
          cursor = page.next_cursor ?? undefined;
        } while (cursor !== undefined);
        expect(new Set(seen).size).toBe(all.length);
        expect(seen.length).toBe(all.length);
        const sign = sort === 'n' ? 1 : -1;
        for (let i = 1; i < seen.length; i++)
          expect(sign * (seen[i]!.n - seen[i - 1]!.n)).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  it('refuse a cursor of another order or made by hand', () => {
    const all = [
      { id: 'a', n: 1 },
      { id: 'b', n: 2 },
    ];
    const ask = (sort: string, cursor?: string) =>
      pageOf(
        all,
        { sort, limit: 1, cursor },
        (row) => row.n,
        (row) => row.id,
      );
    const { next_cursor: cursor } = ask('n');
    expect(() => ask('-n', cursor!)).toThrow(/cursor/);
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(() => ask('n', text)).toThrow(/cursor/);
      }),
    );
  });
});
