import type { DeviceType, TagContract, TagType } from '../device-type.js';
import { latestContract } from '../device-type.js';

export interface TagColumn {
  readonly tag: TagContract;
  readonly valueColumn: string;
  /** PostgreSQL type of the value column. */
  readonly valueType: 'double precision' | 'integer' | 'bigint' | 'boolean' | 'text';
  /** smallint, null when the message did not report the tag. */
  readonly qualityColumn: string;
}

const sqlTypes: Readonly<Record<TagType, TagColumn['valueType']>> = {
  float64: 'double precision',
  int32: 'integer',
  int64: 'bigint',
  boolean: 'boolean',
  string: 'text',
};

/** Name of a device type's wide table. */
export function telemetryTable(deviceType: string): string {
  return `telemetry_${deviceType}`;
}

/** Value and quality column of each core tag of the newest contract, in the contract's order (DM-1). */
export function tagColumns(type: DeviceType): readonly TagColumn[] {
  return latestContract(type).tags.map((tag) => ({
    tag,
    valueColumn: tag.name,
    valueType: sqlTypes[tag.type],
    qualityColumn: `${tag.name}_q`,
  }));
}
