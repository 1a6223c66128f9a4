import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { TagPlan } from '../../config/plan.js';
import { type Point, planBlocks, type Table } from './blocks.js';

const point = fc.record({
  table: fc.constantFrom<Table>('coil', 'discrete', 'holding', 'input'),
  address: fc.integer({ min: 0, max: 3000 }),
  registers: fc.constantFrom(1, 2, 4, 20),
});

it('covers every point whole, within the limits, and reads no more than the gap in between', () => {
  fc.assert(
    fc.property(fc.array(point, { maxLength: 60 }), fc.integer({ min: 0, max: 60 }), (raw, maxGap) => {
      const points: Point[] = raw.map(({ table, address, registers }) => ({
        tag: {} as TagPlan,
        table,
        address,
        size: table === 'coil' || table === 'discrete' ? 1 : registers,
        read: () => null,
      }));
      const blocks = planBlocks(points, maxGap);
      const covered = blocks.flatMap((block) => block.points);
      expect(new Set(covered)).toEqual(new Set(points));
      expect(covered.length).toBe(points.length);
      for (const block of blocks) {
        const bits = block.table === 'coil' || block.table === 'discrete';
        expect(block.count).toBeLessThanOrEqual(bits ? 2000 : 125);
        const used = new Set<number>();
        for (const { address, size, table } of block.points) {
          expect(table).toBe(block.table);
          expect(address).toBeGreaterThanOrEqual(block.address);
          expect(address + size).toBeLessThanOrEqual(block.address + block.count);
          for (let i = 0; i < size; i++) used.add(address + i);
        }
        let gap = 0;
        for (let at = block.address; at < block.address + block.count; at++) {
          gap = used.has(at) ? 0 : gap + 1;
          expect(gap).toBeLessThanOrEqual(maxGap);
        }
      }
    }),
  );
});
