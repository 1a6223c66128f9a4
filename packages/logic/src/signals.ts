import { Quality, type QualityCode } from '@millrace/contracts';

/** A converted reading. A value that cannot be trusted at all is null, never zero. */
export interface Reading {
  readonly value: number | null;
  readonly quality: QualityCode;
}

/** Linear map from a signal's span onto the engineering range. */
export interface Span {
  readonly signalLow: number;
  readonly signalHigh: number;
  readonly low: number;
  readonly high: number;
}

/** Value on the engineering range for a signal within (or beyond) its span. */
export function linear(signal: number, span: Span): number {
  return ((signal - span.signalLow) / (span.signalHigh - span.signalLow)) * (span.high - span.low) + span.low;
}

/** Limits of NAMUR NE 43, mA: outside `failureLow..failureHigh` the loop itself has failed. */
export const namur = { failureLow: 3.6, measureLow: 3.8, measureHigh: 20.5, failureHigh: 21 } as const;

/**
 * HW-1: 4-20 mA to engineering units, judged by NAMUR NE 43. Below 3.6 mA is a wire break and above 21 mA a sensor
 * failure (both quality 28 with no value); 3.6-3.8 and 20.5-21 mA are uncertain (68).
 */
export function readCurrentLoop(milliamps: number, low: number, high: number): Reading {
  if (!Number.isFinite(milliamps) || milliamps < namur.failureLow || milliamps > namur.failureHigh) {
    return { value: null, quality: Quality.badSensorFailure };
  }
  const value = ((milliamps - 4) / 16) * (high - low) + low;
  const sure = milliamps >= namur.measureLow && milliamps <= namur.measureHigh;
  return { value, quality: sure ? Quality.good : Quality.uncertainSensorNotAccurate };
}

/**
 * 0-10 V to engineering units. A voltage input has no live zero, so a broken wire cannot be told from zero; only a
 * reading more than 5 % outside the span is a sensor failure.
 */
export function readVoltage(volts: number, low: number, high: number): Reading {
  if (!Number.isFinite(volts) || volts < -0.5 || volts > 10.5) {
    return { value: null, quality: Quality.badSensorFailure };
  }
  return { value: (volts / 10) * (high - low) + low, quality: Quality.good };
}

/** Raw converter counts to engineering units: 26214 of 65535 over 0-100 bar is 40.0. Out of span is a failure. */
export function readCounts(
  counts: number,
  countsLow: number,
  countsHigh: number,
  low: number,
  high: number,
): Reading {
  const least = Math.min(countsLow, countsHigh);
  const most = Math.max(countsLow, countsHigh);
  if (!Number.isFinite(counts) || counts < least || counts > most) {
    return { value: null, quality: Quality.badSensorFailure };
  }
  return {
    value: linear(counts, { signalLow: countsLow, signalHigh: countsHigh, low, high }),
    quality: Quality.good,
  };
}
