import type { DeviceLedger } from '../ledger/numbering.js';
import type { DeviceEntry } from './device-directory.js';
import type { TypeRoute } from './type-route.js';

/** What the river keeps of one device: resolved once, shared by all its connections. */
export interface DeviceRoute {
  readonly entry: DeviceEntry;
  readonly type: TypeRoute;
  readonly ledger: DeviceLedger;
  /** The device id and a closing quote as bytes, for comparing without making a string. */
  readonly idBytes: Buffer;
  fwVersion: string | undefined;
  /** `fwVersion` and a closing quote as bytes. */
  fwBytes: Buffer | undefined;
  schemaVersion: string | undefined;
}

/** What `Ingress.bind` hands to the broker: the topic resolved to a device and a class. */
export interface Binding {
  readonly class: 'telemetry' | 'events' | 'status';
  readonly topic: string;
  readonly prefix: string;
  readonly tenantId: number;
  readonly clientId: string;
  /** Device id of the connection's own identity: a gateway's, or the device's. */
  readonly speakerId: string;
  /** Both ids and a closing quote as bytes. */
  readonly clientIdBytes: Buffer;
  readonly speakerIdBytes: Buffer;
  /** Undefined while the device is not registered; looked up again with every message. */
  route: DeviceRoute | undefined;
}
