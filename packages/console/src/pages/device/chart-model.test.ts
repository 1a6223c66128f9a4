import { describe, expect, it } from 'vitest';
import { breakStretches, chartData, qualityStretches } from './chart-model';

const raw = (t: number[], v: (number | null)[], q: number[]) => ({ tag: 'a', unit: 'bar', t, v, q });

describe('what a chart draws', () => {
  it('lifts the pen at a break, and only there', () => {
    const breaks = breakStretches(
      [{ kind: 'gap', from: 2100, to: 3900, cause: 'uplink_lost', detail: '' }],
      9000,
    );
    const data = chartData(raw([1000, 2000, 4000, 9000], [1, 2, 3, 4], [192, 192, 192, 192]), breaks, 9000);
    expect(data.t).toEqual([1000, 2000, 3000, 4000, 9000]);
    expect(chartData(raw([1000], [7], [192]), [], 61_000).t).toEqual([1000, 61_000]);
    expect(chartData(raw([1000], [7], [192]), [], 261_000).t).toEqual([1000]);
    expect(data.mid).toEqual([1, 2, null, 3, 4]);
    expect(breaks[0]?.words).toBe('Gap, 1.8 s: uplink lost');
  });

  it('draws no line through a bad value, and keeps an uncertain one', () => {
    const data = chartData(raw([1, 2, 3], [5, 0, 6], [192, 28, 68]), [], 4);
    expect(data.mid).toEqual([5, null, 6, 6]);
    expect(data.quality).toEqual([
      { from: 2, to: 3, level: 'bad', words: 'sensor failure' },
      { from: 3, to: 4, level: 'uncertain', words: 'sensor not accurate' },
    ]);
  });

  it('lets an open break reach to the end of the range', () => {
    expect(
      breakStretches([{ kind: 'silence', from: 1000, to: null, cause: '', detail: '' }], 61_000)[0],
    ).toEqual({
      kind: 'silence',
      from: 1000,
      to: 61_000,
      words: 'Silence, 60 s: cause not known',
    });
  });

  it('judges a bucket by how many of its values were good', () => {
    const buckets = {
      tag: 'a',
      unit: '',
      t: [0, 10, 20],
      avg: [1, 1, null],
      count: [5, 5, 5],
      good: [5, 3, 0],
    };
    expect(qualityStretches(buckets, 30).map((one) => [one.from, one.level])).toEqual([
      [10, 'uncertain'],
      [20, 'bad'],
    ]);
  });
});
