import type { DeviceDirectory, DeviceEntry } from './device-directory.js';

/** A directory over a fixed list; for tests, benches and tools that need no registry. */
export class MapDirectory implements DeviceDirectory {
  readonly #tenants: ReadonlyMap<string, number>;
  readonly #byPrefix = new Map<string, DeviceEntry>();
  readonly #byNo = new Map<number, DeviceEntry>();

  constructor(tenants: ReadonlyMap<string, number>, devices: readonly DeviceEntry[]) {
    this.#tenants = tenants;
    for (const device of devices) this.add(device);
  }

  add(device: DeviceEntry): void {
    this.#byPrefix.set(device.topicPrefix, device);
    this.#byNo.set(device.deviceNo, device);
  }

  tenantId(slug: string): number | undefined {
    return this.#tenants.get(slug);
  }

  lookup(topicPrefix: string): DeviceEntry | undefined {
    return this.#byPrefix.get(topicPrefix);
  }

  byNo(deviceNo: number): DeviceEntry | undefined {
    return this.#byNo.get(deviceNo);
  }

  byId(tenantId: number, deviceId: string): DeviceEntry | undefined {
    for (const device of this.#byNo.values())
      if (device.tenantId === tenantId && device.deviceId === deviceId) return device;
    return undefined;
  }

  childrenOf(tenantId: number, gatewayDeviceId: string): readonly DeviceEntry[] {
    return [...this.#byNo.values()].filter(
      (device) => device.tenantId === tenantId && device.gatewayDeviceId === gatewayDeviceId,
    );
  }

  all(): Iterable<DeviceEntry> {
    return this.#byNo.values();
  }
}
