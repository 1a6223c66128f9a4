import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BoundedQueue } from './bounded-queue.js';

it('behaves as a list cut to its capacity, and counts every overflow', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.constantFrom('refuse-new' as const, 'drop-oldest' as const),
      fc.array(fc.oneof(fc.integer(), fc.constant('shift' as const))),
      (capacity, rule, actions) => {
        const queue = new BoundedQueue<number>(capacity, rule);
        const model: number[] = [];
        let overflowed = 0;
        for (const action of actions) {
          if (action === 'shift') {
            expect(queue.shift()).toBe(model.shift());
            continue;
          }
          const full = model.length === capacity;
          if (full) overflowed++;
          if (full && rule === 'drop-oldest') model.shift();
          if (!full || rule === 'drop-oldest') model.push(action);
          expect(queue.push(action)).toBe(!full || rule === 'drop-oldest');
        }
        expect([queue.length, queue.peek(), queue.overflowed]).toEqual([model.length, model[0], overflowed]);
      },
    ),
  );
});
