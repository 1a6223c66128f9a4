import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseInterval, intervalName, rawSpanMsMax } from './model.js';

describe('intervals', () => {
  it('auto keeps to the points asked for, whatever the range', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4e12 }), fc.integer({ min: 10, max: 20_000 }), (span, points) => {
        const length = chooseInterval('auto', 0, span, points);
        expect(span / length).toBeLessThanOrEqual(points);
        expect(chooseInterval(intervalName(length), 0, Math.min(span, length * 10), points)).toBe(length);
      }),
    );
  });

  it('refuses what would be unbounded or means nothing', () => {
    expect(chooseInterval('raw', 0, rawSpanMsMax, 10)).toBe(0);
    expect(() => chooseInterval('raw', 0, rawSpanMsMax + 1, 10)).toThrow(/31 days/);
    expect(() => chooseInterval('1s', 0, 86_400_000, 10)).toThrow(/more than/);
    for (const bad of ['0s', '1', 's', '1w', '-1m', '1.5h'])
      expect(() => chooseInterval(bad, 0, 1, 10)).toThrow(/must be/);
  });
});
