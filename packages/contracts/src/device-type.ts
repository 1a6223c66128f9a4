import type { TagValue } from './envelope.js';

/** Column and wire type of a tag. */
export type TagType = 'float64' | 'int32' | 'int64' | 'boolean' | 'string';

/** HW-5: how fast an answer to a tag may be needed. */
export type TimingClass = 'sil3' | 'sil2' | 'motion' | 'process' | 'monitoring';

export interface TagContract {
  /** Lower snake case, unit last: `pressure_bar`. Also the column name. */
  readonly name: string;
  readonly doc: string;
  readonly type: TagType;
  /** Unit symbol as shown to people, e.g. `bar`, `m³/h`, `°C`; '' for a pure number. */
  readonly unit: string;
  /** Engineering range [low, high]; percent deadband and the analog bar refer to it. */
  readonly range?: readonly [number, number];
  /** Validation limits: outside them a message violates the contract. Wider than `range`; absent = any finite number. */
  readonly limits?: readonly [number, number];
  /** A message without it violates the contract; false when absent. */
  readonly required?: boolean;
  /** Key in the compact form (`v,id,t,...`). Unique in the contract; never `v`, `id`, `t`, `s`, `m`, `e`. */
  readonly short: string;
  /** Protobuf field number, from 4; never reused. */
  readonly number: number;
  readonly timing: TimingClass;
  /** A total that only grows, and wraps at `rollover`. */
  readonly counter?: { readonly rollover: number };
  /** Names of a discrete tag's values. */
  readonly states?: Readonly<Record<number, string>>;
  /** Normal operating band, drawn behind the value. */
  readonly normal?: readonly [number, number];
}

/**
 * The single source of a device type at one version (CT-1). From it come the JSON Schema, the table columns, the
 * TypeScript type, the docs page and the simulator's tag list. Released versions are frozen.
 */
export interface DeviceTypeContract {
  /** Lower snake case: `centrifugal_pump`. */
  readonly deviceType: string;
  /** `major.minor`. */
  readonly version: string;
  readonly title: string;
  readonly doc: string;
  readonly tags: readonly TagContract[];
  /** From an older version: renames and conversions that make its values those of the latest. Absent on the latest. */
  readonly upgrade?: (values: Readonly<Record<string, TagValue>>) => Record<string, TagValue>;
}

/** All versions of a device type, oldest first; the last one is what the inside of the product sees. */
export interface DeviceType {
  readonly name: string;
  readonly versions: readonly DeviceTypeContract[];
}

/** The newest contract of a device type. */
export function latestContract(type: DeviceType): DeviceTypeContract {
  const latest = type.versions.at(-1);
  if (!latest) throw new RangeError(`device type ${type.name} has no version`);
  return latest;
}
