import { seededRandom } from '@millrace/foundation';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { backoffMs, reconnectBackoff } from './backoff.js';

it('doubles from one second to sixty, taking at most half away by jitter (DR-3)', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2000 }), fc.integer(), (attempt, seed) => {
      const wait = backoffMs(reconnectBackoff, attempt, seededRandom(seed));
      const full = Math.min(1000 * 2 ** Math.min(attempt - 1, 30), 60_000);
      expect(wait).toBeGreaterThanOrEqual(full / 2);
      expect(wait).toBeLessThanOrEqual(full);
    }),
  );
});
