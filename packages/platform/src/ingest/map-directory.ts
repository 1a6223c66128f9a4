import type { DeviceDirectory, DeviceEntry } from './device-directory.js';

/** A directory over a fixed list; for tests, benches and tools that need no registry. */
export class MapDirectory implements DeviceDirectory {
  readonly #tenants: ReadonlyMap<string, number>;
  readonly #byPrefix = new Map<string, DeviceEntry>();
  readonly #byNo = new Map<number, DeviceEntry>();
  /** By tenant and gateway: thousands of devices ask for their children at once, so none may search them all. */
  readonly #children = new Map<string, Map<number, DeviceEntry>>();

  constructor(tenants: ReadonlyMap<string, number>, devices: readonly DeviceEntry[]) {
    this.#tenants = tenants;
    for (const device of devices) this.add(device);
  }

  add(device: DeviceEntry): void {
    this.#byPrefix.set(device.topicPrefix, device);
    const before = this.#byNo.get(device.deviceNo);
    if (before !== undefined) this.#children.get(childrenKey(before))?.delete(device.deviceNo);
    this.#byNo.set(device.deviceNo, device);
    if (device.gatewayDeviceId === null) return;
    const key = childrenKey(device);
    const siblings = this.#children.get(key) ?? new Map<number, DeviceEntry>();
    this.#children.set(key, siblings.set(device.deviceNo, device));
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
    return [...(this.#children.get(childrenKey({ tenantId, gatewayDeviceId }))?.values() ?? [])];
  }

  all(): Iterable<DeviceEntry> {
    return this.#byNo.values();
  }
}

function childrenKey(of: Pick<DeviceEntry, 'tenantId' | 'gatewayDeviceId'>): string {
  return `${of.tenantId}/${of.gatewayDeviceId}`;
}
