import { isGood, Quality } from '@millrace/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCounts, readCurrentLoop, readVoltage } from './signals.js';

describe('readCurrentLoop (HW-1, NAMUR NE 43)', () => {
  it.each([
    [4, 0, Quality.good],
    [12, 5, Quality.good],
    [20, 10, Quality.good],
    [3.8, -0.125, Quality.good],
    [20.5, 10.3125, Quality.good],
    [3.7, -0.1875, Quality.uncertainSensorNotAccurate],
    [3.6, -0.25, Quality.uncertainSensorNotAccurate],
    [20.8, 10.5, Quality.uncertainSensorNotAccurate],
    [21, 10.625, Quality.uncertainSensorNotAccurate],
    [3.59, null, Quality.badSensorFailure],
    [0, null, Quality.badSensorFailure],
    [21.01, null, Quality.badSensorFailure],
    [Number.NaN, null, Quality.badSensorFailure],
  ])('%d mA over 0-10 reads %s with quality %d', (milliamps, value, quality) => {
    const reading = readCurrentLoop(milliamps, 0, 10);
    expect(reading.quality).toBe(quality);
    if (value === null) expect(reading.value).toBeNull();
    else expect(reading.value).toBeCloseTo(value, 9);
  });

  it('gives a value exactly when it is not bad, and never zero for a broken wire', () => {
    fc.assert(
      fc.property(fc.double({ min: -5, max: 30 }), (milliamps) => {
        const { value, quality } = readCurrentLoop(milliamps, 0, 100);
        expect(value === null).toBe(quality === Quality.badSensorFailure);
      }),
    );
  });
});

describe('the other signals', () => {
  it('reads 26214 of 65535 over 0-100 as 40.0', () => {
    expect(readCounts(26_214, 0, 65_535, 0, 100)).toEqual({ value: 40, quality: Quality.good });
  });
  it('refuses counts outside the converter and volts far outside 0-10', () => {
    expect(readCounts(65_536, 0, 65_535, 0, 100)).toEqual({ value: null, quality: Quality.badSensorFailure });
    expect(readVoltage(-0.6, 0, 100).value).toBeNull();
    expect(isGood(readVoltage(5, 0, 100).quality)).toBe(true);
    expect(readVoltage(5, 0, 100).value).toBe(50);
  });
});
