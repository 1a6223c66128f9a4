import type { QualityCode } from './quality.js';

/** A tag's value on the wire. Numbers are finite; a bad reading carries its last value or null, never a made-up zero. */
export type TagValue = number | boolean | string | null;

export interface TaggedValue {
  readonly v: TagValue;
  readonly q: QualityCode;
}

export interface EnvelopeMeta {
  readonly fw_version?: string;
  /** CN of the gateway that speaks for the device; must equal the connection's. */
  readonly gw_id?: string;
  /** The source's own time stamp, ms since 1970 UTC. */
  readonly source_ts?: number;
  /** `ts - source_ts`, ms. */
  readonly edge_latency_ms?: number;
  readonly site?: string;
  /** Numbering of `seq` (uint32); a device that lost its state sends a new one. */
  readonly epoch?: number;
}

/** The telemetry envelope (D2C-1): one envelope is one PUBLISH. */
export interface Envelope {
  /** `major.minor` of the device type's contract. A missing one means 1.0. */
  readonly schema_version: string;
  /** ULID; storage identity together with tenant and device_id. */
  readonly msg_id: string;
  readonly device_id: string;
  readonly device_type: string;
  /** Gateway time stamp, ms since 1970 UTC. */
  readonly ts: number;
  /** Per device, from 1, assigned in the outbox insert's transaction. */
  readonly seq: number;
  readonly d: Readonly<Record<string, TaggedValue>>;
  readonly meta?: EnvelopeMeta;
}

/**
 * The forms a telemetry payload may have (D2C-1):
 * - full: the `Envelope` as JSON.
 * - compact: flat JSON, told by its `v`: `v` = schema_version, `id` = device_id, `t` = ts, and each tag by the short
 *   key of its contract as a value or `[value, quality]`; optional `s` = seq, `m` = msg_id, `e` = epoch.
 * - Protobuf: content type `protobuf`, the message of derive/protobuf.ts.
 */
export const contentTypes = {
  json: 'application/json',
  protobuf: 'application/x-protobuf',
  batchZstd: 'application/vnd.millrace.batch+zstd',
} as const;

/** Why a message became a dead letter. The list is closed; `detail` in the dead letter says the particulars. */
export const deadLetterReasons = [
  'malformed_payload',
  'schema_violation',
  'unknown_schema_version',
  'unknown_device',
  'unknown_device_type',
  'device_mismatch',
  'gateway_mismatch',
  'payload_too_large',
  'timestamp_implausible',
  'invalid_topic',
  'unsupported_content_type',
] as const;

export type DeadLetterReason = (typeof deadLetterReasons)[number];

/** Payloads above this many bytes are dead-lettered (their first 64 KiB are kept). */
export const payloadBytesMax = 256 * 1024;
