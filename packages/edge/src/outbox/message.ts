import { clientIdOf, deviceTopic, type EventEnvelope, type GatewayEvent } from '@millrace/contracts';
import type { DevicePlan } from '../config/plan.js';
import type { TelemetryDraft } from '../pipeline/assemble.js';

/** The text of a telemetry envelope (D2C-1), members in the order of the contract, without white space. */
export function telemetryPayload(
  draft: TelemetryDraft,
  numbers: {
    readonly msgId: string;
    readonly seq: number;
    readonly epoch: number;
    readonly gatewayCn: string;
  },
): string {
  const { device, tsMs, sourceTsMs } = draft;
  const { contract, address, fwVersion } = device;
  const firmware = fwVersion === undefined ? '' : `"fw_version":${JSON.stringify(fwVersion)},`;
  return (
    `{"schema_version":"${contract.version}","msg_id":"${numbers.msgId}","device_id":"${address.deviceId}",` +
    `"device_type":"${address.deviceType}","ts":${tsMs},"seq":${numbers.seq},"d":${JSON.stringify(draft.d)},` +
    `"meta":{${firmware}"gw_id":"${numbers.gatewayCn}","source_ts":${sourceTsMs},` +
    `"edge_latency_ms":${tsMs - sourceTsMs},"epoch":${numbers.epoch}}}`
  );
}

/** The text of an event envelope. */
export function eventPayload(deviceId: string, tsMs: number, msgId: string, event: GatewayEvent): string {
  const envelope: EventEnvelope = {
    schema_version: '1.0',
    msg_id: msgId,
    device_id: deviceId,
    ts: tsMs,
    event,
  };
  return JSON.stringify(envelope);
}

export function telemetryTopic(device: DevicePlan): string {
  return deviceTopic(device.address, 'telemetry');
}

export function eventsTopic(device: DevicePlan): string {
  return deviceTopic(device.address, 'events');
}

/** CN of the gateway's certificate, its MQTT client id and `meta.gw_id` (PR-7). */
export function gatewayCommonName(self: DevicePlan): string {
  return clientIdOf(self.address.enterprise, self.address.deviceId);
}
