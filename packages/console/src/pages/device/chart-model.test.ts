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
    expect(data.t).toEqual([1000, 2000, 3000, 4000, 8999, 9000]);
    expect(chartData(raw([1000], [7], [192]), [], 61_000).t).toEqual([1000, 61_000]);
    expect(chartData(raw([1000], [7], [192]), [], 261_000).t).toEqual([1000]);
    expect(data.mid).toEqual([1, 2, null, 3, 3, 4]);
    expect(breaks[0]?.words).toBe('Gap, 1.8 s: uplink lost');
  });

  it('holds a value that did not change as a step, no longer than a source may be quiet', () => {
    const good = [192, 192];
    expect(chartData(raw([0, 60_000], [7, 8], good), [], 60_000)).toMatchObject({
      t: [0, 59_999, 60_000],
      mid: [7, 7, 8],
    });
    expect(chartData(raw([0, 200_000], [7, 8], good), [], 200_000)).toMatchObject({
      t: [0, 120_000, 160_000, 200_000],
      mid: [7, 7, null, 8],
    });
    const gap = { kind: 'gap', from: 20_000, to: 50_000, cause: '', detail: '' } as const;
    expect(chartData(raw([0, 60_000], [7, 8], good), breakStretches([gap], 60_000), 60_000)).toMatchObject({
      t: [0, 20_000, 40_000, 60_000],
      mid: [7, 7, null, 8],
    });
    expect(chartData(raw([0, 60_000], [7, 8], [28, 192]), [], 60_000).mid).toEqual([null, 8]);
  });

  it('holds an average over intervals without a reading, but joins intervals longer than a source may be quiet', () => {
    const every = (t: number[]) => ({ tag: 'a', unit: '', t, avg: t.map((_, i) => i), min: t, max: t });
    const held = chartData(every([0, 10_000, 60_000]), [], 60_000);
    expect(held.t).toEqual([0, 10_000, 59_999, 60_000]);
    expect(held.mid).toEqual([0, 1, 1, 2]);
    expect(held.max).toEqual([0, 10_000, 10_000, 60_000]);
    expect(chartData(every([0, 600_000, 1_800_000]), [], 1_800_000).t).toEqual([0, 600_000, 1_800_000]);
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
