import { isGood, Quality, type QualityCode, qualityStatus, type TagValue } from '@millrace/contracts';
import {
  advancePulses,
  type PulseTotal,
  type Reading,
  readCounts,
  readCurrentLoop,
  readVoltage,
} from '@millrace/logic';
import type { TagPlan } from '../config/plan.js';
import type { RawValue, SampleBatch } from '../drivers/driver.js';

/** Pulse totals by tag index; kept over restarts by the gateway. */
export type PulseTotals = Map<number, PulseTotal>;

/**
 * Turns raw numbers into engineering values, in place: signal conversion with its quality (HW-1), scale and offset,
 * and the contract's type. A value that is out of the contract's limits is no reading of that quantity: it goes on
 * as null with quality 28, because the platform would refuse the whole message for it.
 */
export function normalise(batch: SampleBatch, pulses: PulseTotals): void {
  for (let i = 0; i < batch.length; i++) {
    const tag = batch.tags[i]!;
    const raw = batch.values[i]!;
    if (raw === null || raw === undefined) {
      batch.values[i] = null;
      if (qualityStatus(batch.qualities[i]!) !== 'bad') batch.qualities[i] = Quality.bad;
      continue;
    }
    const reading = convert(tag, raw, batch.qualities[i]!, pulses);
    batch.values[i] = reading.value;
    batch.qualities[i] = reading.quality;
  }
}

interface Converted {
  readonly value: TagValue;
  readonly quality: QualityCode;
}

function convert(tag: TagPlan, raw: RawValue, quality: QualityCode, pulses: PulseTotals): Converted {
  switch (tag.contract.type) {
    case 'string':
      return { value: String(raw).slice(0, 1024), quality };
    case 'boolean':
      return { value: typeof raw === 'boolean' ? raw : Number(raw) !== 0, quality };
    default: {
      const number = toNumber(raw);
      if (number === undefined) return { value: null, quality: Math.min(quality, Quality.bad) };
      const reading = readSignal(tag, number, pulses);
      return inLimits(tag, reading, Math.min(quality, reading.quality));
    }
  }
}

function toNumber(raw: RawValue): number | undefined {
  if (typeof raw === 'number') return Number.isFinite(raw) ? raw : undefined;
  if (typeof raw === 'bigint') return Number(raw);
  if (typeof raw === 'boolean') return raw ? 1 : 0;
  return undefined;
}

/** The good code of the source wins over ours, so that "good, local override" (216) survives. */
const sourceDecides = 255;

function readSignal(tag: TagPlan, raw: number, pulses: PulseTotals): Reading {
  const { signal, span } = tag;
  if (!signal) return { value: raw * tag.scale + tag.offset, quality: sourceDecides };
  if (signal.type === 'pulse') {
    const total = advancePulses(pulses.get(tag.index), raw, signal.rollover);
    pulses.set(tag.index, total);
    return { value: total.pulses * signal.units_per_pulse, quality: sourceDecides };
  }
  // Checked when the configuration was compiled: these signals have a span.
  const [low, high] = span ?? [0, 1];
  const reading =
    signal.type === '4-20mA'
      ? readCurrentLoop(raw / signal.counts_per_ma, low, high)
      : signal.type === '0-10V'
        ? readVoltage(raw / signal.counts_per_v, low, high)
        : readCounts(raw, signal.counts_low, signal.counts_high, low, high);
  return isGood(reading.quality) ? { value: reading.value, quality: sourceDecides } : reading;
}

function inLimits(tag: TagPlan, reading: Reading, quality: QualityCode): Converted {
  if (reading.value === null) return { value: null, quality };
  const { limits, type } = tag.contract;
  const value = type === 'float64' ? tidy(reading.value) : Math.round(reading.value);
  const [low, high] =
    limits ??
    (type === 'int32'
      ? [-(2 ** 31), 2 ** 31 - 1]
      : type === 'int64'
        ? [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]
        : [-Number.MAX_VALUE, Number.MAX_VALUE]);
  if (!(value >= low && value <= high)) {
    return { value: null, quality: Math.min(quality, Quality.badSensorFailure) };
  }
  return { value, quality };
}

/** 0.1 * 3 is 0.30000000000000004: nine significant digits outlast every transmitter and shorten every message. */
function tidy(value: number): number {
  return Number.isInteger(value) ? value : roundTo(value);
}

function roundTo(value: number): number {
  const magnitude = Math.abs(value);
  // Above 1e6 nine digits would cut into counters' decimals; they stay as they are.
  if (magnitude >= 1e6 || magnitude < 1e-3) return value;
  return Math.round(value * 1e6) / 1e6;
}
