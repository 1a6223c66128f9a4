import type { QualityCode, TagValue } from '@millrace/contracts';
import type { Clock, Logger, Random, Service } from '@millrace/foundation';
import type { TagPlan } from '../config/plan.js';

/** A number as the device gave it, before scaling; null when the device gave none. */
export type RawValue = TagValue | bigint;

/**
 * Samples of one poll or one notification, as columns: row `i` of every array is one sample. It belongs to the
 * driver, which may reuse it as soon as `emit` returns.
 */
export interface SampleBatch {
  length: number;
  readonly tags: TagPlan[];
  readonly values: RawValue[];
  readonly qualities: QualityCode[];
  /** The source's own time, or when the answer came in where the protocol has no time stamps; ms since 1970. */
  readonly sourceTsMs: number[];
}

export function newSampleBatch(): SampleBatch {
  return { length: 0, tags: [], values: [], qualities: [], sourceTsMs: [] };
}

/** Appends a row. */
export function addSample(
  batch: SampleBatch,
  tag: TagPlan,
  value: RawValue,
  quality: QualityCode,
  sourceTsMs: number,
): void {
  const at = batch.length++;
  batch.tags[at] = tag;
  batch.values[at] = value;
  batch.qualities[at] = quality;
  batch.sourceTsMs[at] = sourceTsMs;
}

/** `degraded`: some of its devices do not answer, or over 5 % of the requests fail. */
export type DriverState = 'connected' | 'degraded' | 'disconnected';

export interface DriverStats {
  readonly state: DriverState;
  readonly requests: number;
  /** Requests or subscriptions that failed after their last try. */
  readonly failures: number;
  readonly samples: number;
  /** Monotonic ms of the last sign of life of the driver itself (not of its device); the watchdog looks at it. */
  readonly aliveAtMs: number;
  /** Longest time between two signs of life of a healthy driver, ms. */
  readonly aliveEveryMs: number;
}

/** What a driver is given. It opens no file but through `resolvePath` and keeps no global state. */
export interface DriverContext<Config> {
  readonly name: string;
  readonly config: Config;
  /** Tags of this driver; `find` gives one by device id and name. */
  readonly tags: readonly TagPlan[];
  find(deviceId: string, tag: string): TagPlan;
  /** CN of the gateway, the application's name in protocols that ask for one. */
  readonly gatewayName: string;
  resolvePath(path: string): string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Takes a batch; synchronous and does not throw. */
  emit(batch: SampleBatch): void;
  onState(state: DriverState, reason: string | undefined): void;
}

/**
 * A driver connects to devices and emits raw samples. A dead device is not an exception: `start` resolves without
 * it, its tags turn bad (24) within two polls, and good again by themselves when it comes back.
 */
export interface Driver extends Service {
  stats(): DriverStats;
}

export interface DriverModule<Config> {
  createDriver(context: DriverContext<Config>): Driver;
}
