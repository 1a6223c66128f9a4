import { describe, expect, it } from 'vitest';
import type { Gap } from '../../api/types';
import { kindOf, strips, sums } from './timeline-model';

const at = (ms: number) => new Date(ms).toISOString();
const gap = (change: Partial<Gap>): Gap => ({
  kind: 'gap',
  from_seq: 1,
  to_seq: 3,
  missing: 3,
  from: at(1_000),
  to: at(2_000),
  cause: 'unknown',
  evidence: '',
  opened_at: at(3_000),
  closed_at: null,
  ...change,
});

describe('the bar of a record', () => {
  it('tells numbers that came late from those that are missing or lost', () => {
    expect(kindOf(gap({}))).toBe('gap');
    expect(kindOf(gap({ missing: 0, closed_at: at(9_000) }))).toBe('late');
    expect(kindOf(gap({ cause: 'data_loss' }))).toBe('lost');
    expect(kindOf(gap({ cause: 'data_loss', missing: 0, closed_at: at(9_000) }))).toBe('late');
    expect(kindOf(gap({ kind: 'silence', missing: 0 }))).toBe('silence');
  });

  it('cuts breaks to the range, and lets one that is not over reach to its end', () => {
    const open = gap({ kind: 'silence', from: at(8_000), to: null });
    const found = strips([gap({}), open, gap({ from: at(20_000), to: at(21_000) })], 1_500, 10_000);
    expect(found).toEqual([
      { kind: 'silence', from: 8_000, to: 10_000 },
      { kind: 'gap', from: 1_500, to: 2_000 },
    ]);
    expect(sums(found).get('gap')).toEqual({ times: 1, ms: 500 });
  });
});
