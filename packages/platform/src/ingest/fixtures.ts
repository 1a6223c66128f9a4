import { topicPrefix } from '@millrace/contracts';
import { createUlidFactory, seededRandom, systemClock } from '@millrace/foundation';
import type { Ingress, IngressBinding, Principal, PublishBatch } from '@millrace/mqtt';
import type { DeviceEntry } from './device-directory.js';

/** What the tests of this folder share: devices, messages, and PUBLISH batches as a broker would make them. */
export function deviceEntry(
  deviceNo: number,
  deviceId: string,
  more: { deviceType?: string; gateway?: string | null; tenantId?: number; tenant?: string } = {},
): DeviceEntry {
  const address = {
    enterprise: more.tenant ?? 'acme',
    site: 'north',
    area: 'pumping',
    line: 'line-1',
    deviceType: more.deviceType ?? 'centrifugal_pump',
    deviceId,
  };
  return {
    ...address,
    tenantId: more.tenantId ?? 1,
    deviceNo,
    topicPrefix: topicPrefix(address),
    gatewayDeviceId: more.gateway ?? null,
  };
}

const nextUlid = createUlidFactory(systemClock, seededRandom(7));

/** A pump's message with six values; anything can be overridden. */
export function pumpMessage(deviceId: string, seq: number, more: Record<string, unknown> = {}): object {
  return {
    schema_version: '2.1',
    msg_id: nextUlid(),
    device_id: deviceId,
    device_type: 'centrifugal_pump',
    ts: systemClock.nowMs(),
    seq,
    d: {
      temp_inlet_c: { v: 18.25, q: 192 },
      temp_outlet_c: { v: 19.5, q: 192 },
      pressure_bar: { v: 4.125, q: 192 },
      flow_m3h: { v: 82.5, q: 192 },
      vibration_rms_mms: { v: 2.75, q: 192 },
      power_kw: { v: 15.5, q: 192 },
    },
    meta: {
      fw_version: '3.2.1',
      gw_id: 'acme::GW-1',
      source_ts: systemClock.nowMs() - 20,
      edge_latency_ms: 20,
    },
    ...more,
  };
}

export function principal(deviceId: string, tenant = 'acme'): Principal {
  return {
    clientId: `${tenant}::${deviceId}`,
    tenant,
    certificateSerial: undefined,
    messagesPerMinuteAlert: 1_000,
  };
}

/** Rows of a PUBLISH batch: what was published, on which binding. */
export interface Row {
  readonly binding: IngressBinding;
  readonly payload: Buffer | string | object;
  readonly contentType?: string;
}

/** Builds a PUBLISH batch as the broker does. */
export function publishBatch(rows: readonly Row[], receivedAtMs: number): PublishBatch {
  const payloads = rows.map(({ payload }) =>
    Buffer.isBuffer(payload)
      ? payload
      : Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload)),
  );
  const batch: PublishBatch = {
    length: rows.length,
    bindings: rows.map((row) => row.binding),
    bytes: Buffer.concat(payloads),
    start: new Uint32Array(rows.length),
    end: new Uint32Array(rows.length),
    qos: new Uint8Array(rows.length).fill(1),
    dup: new Uint8Array(rows.length),
    contentTypes: new Map(),
    receivedAtMs: new Float64Array(rows.length).fill(receivedAtMs),
    reasonCodes: new Uint8Array(rows.length).fill(0xff),
  };
  let at = 0;
  payloads.forEach((payload, i) => {
    batch.start[i] = at;
    at += payload.length;
    batch.end[i] = at;
  });
  rows.forEach((row, i) => {
    if (row.contentType !== undefined) batch.contentTypes.set(i, row.contentType);
  });
  return batch;
}

/** Submits rows and resolves with their reason codes once they are settled. */
export function submit(
  ingress: Ingress,
  rows: readonly Row[],
  receivedAtMs = systemClock.nowMs(),
): Promise<number[]> {
  const batch = publishBatch(rows, receivedAtMs);
  return new Promise((resolve) => ingress.submit(batch, () => resolve([...batch.reasonCodes])));
}
