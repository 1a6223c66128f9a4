import { describe, expect, it } from 'vitest';
import { toCsv } from './csv';
import { age, count, decimalsFor, duration, measured, tagLabel } from './format';
import { rangeEnds, rangeSearch } from './range';

describe('what people read', () => {
  it('rounds ages as people say them', () => {
    expect([400, 8_000, 119_000, 180_000, 7_200_000, 259_200_000].map(age)).toEqual([
      'now',
      '8 s',
      '119 s',
      '3 min',
      '2 h',
      '3 d',
    ]);
    expect([420, 1_800, 200_000, 7_500_000].map(duration)).toEqual([
      '420 ms',
      '1.8 s',
      '3 min 20 s',
      '2 h 5 min',
    ]);
  });

  it('keeps a value\u2019s width by fixed decimals', () => {
    expect(decimalsFor([0, 10])).toBe(2);
    expect(measured(-3.456, 2)).toBe('\u22123.46');
    expect(measured(Number.NaN, 2)).toBe('\u2013');
    expect(count(12_345)).toBe('12\u202f345');
  });

  it('names tags without their unit', () => {
    expect(['bearing_temp_c', 'vibration_rms_mms', 'run_state', 'power_kw'].map(tagLabel)).toEqual([
      'Bearing temperature',
      'Vibration RMS',
      'Run state',
      'Power',
    ]);
  });
});

describe('CSV', () => {
  it('quotes, and defuses what a spreadsheet would run', () => {
    expect(
      toCsv(
        ['a', 'b'],
        [
          ['x,"y"', '=1+1'],
          [-2, null],
        ],
      ),
    ).toBe('a,b\r\n"x,""y""",\'=1+1\r\n-2,\r\n');
  });
});

describe('the range in the URL', () => {
  it('is read, and left out where it is malformed', () => {
    expect(rangeSearch({ range: '6h' })).toEqual({ range: '6h' });
    expect(rangeSearch({ range: '15m' })).toEqual({});
    expect(rangeSearch({ from: 2, to: 1, range: 'x' })).toEqual({});
    expect(rangeEnds(rangeSearch({ from: '1000', to: '2000' }), 9)).toEqual({ from: 1000, to: 2000 });
    expect(rangeEnds({ range: '1h' }, 3_600_000)).toEqual({ from: 0, to: 3_600_000 });
  });
});
