import type { DeviceAddress, DeviceTypeContract, TagContract, TimingClass } from '@millrace/contracts';
import type { Infer } from '@millrace/foundation';
import type { signalField } from './tag-settings.js';

export type Signal = Infer<typeof signalField>;

/** A tag as the stages see it: settings resolved against the device type's contract. */
export interface TagPlan {
  /** Position in `Plan.tags`; state of the stages is held in arrays by it. */
  readonly index: number;
  readonly device: DevicePlan;
  readonly name: string;
  readonly contract: TagContract;
  readonly timing: TimingClass;
  readonly signal: Signal | undefined;
  /** Engineering span of the signal, or the contract's range; undefined when neither is stated. */
  readonly span: readonly [number, number] | undefined;
  readonly scale: number;
  readonly offset: number;
  /** Absolute, in engineering units; 0 sends every change. */
  readonly deadbandWidth: number;
  readonly maxIntervalMs: number;
  readonly driver: string;
}

export interface DevicePlan {
  readonly index: number;
  readonly address: DeviceAddress;
  readonly contract: DeviceTypeContract;
  readonly fwVersion: string | undefined;
  readonly tags: TagPlan[];
}

/** The whole configuration, resolved. */
export interface Plan {
  readonly devices: readonly DevicePlan[];
  readonly tags: readonly TagPlan[];
  /** The gateway itself as a device, for its health. */
  readonly self: DevicePlan;
}
