import type { DeviceAddress } from '@millrace/contracts';

/** What ingest must know of a registered device. Objects are stable: the same device is the same object until it changes. */
export interface DeviceEntry extends DeviceAddress {
  readonly tenantId: number;
  /** The device's number in the database: `devices.device_no`, unique over all tenants, never reused. */
  readonly deviceNo: number;
  /** `enterprise/site/area/line/device-type/device_id`, without a class. */
  readonly topicPrefix: string;
  /** The gateway that speaks for it, by device id within the same tenant; null for a device with its own connection. */
  readonly gatewayDeviceId: string | null;
}

/**
 * The registry's read face for the river: everything in memory, every answer immediate. Implemented by `registry/`,
 * which loads it before the listener opens and keeps it current.
 */
export interface DeviceDirectory {
  /** The tenant's number by its slug (the first topic segment); undefined for an unknown tenant. */
  tenantId(slug: string): number | undefined;
  /** The device that publishes under this prefix. */
  lookup(topicPrefix: string): DeviceEntry | undefined;
  byNo(deviceNo: number): DeviceEntry | undefined;
  /** The device by its id within a tenant. */
  byId(tenantId: number, deviceId: string): DeviceEntry | undefined;
  /** Devices whose `gatewayDeviceId` is this one. */
  childrenOf(tenantId: number, gatewayDeviceId: string): readonly DeviceEntry[];
  /** Every device, in no particular order. */
  all(): Iterable<DeviceEntry>;
}
