import type { DeviceDirectory } from '../ingest/device-directory.js';
import type { DeviceRecord, Tenant } from './model.js';

/** Every tenant and device in memory. Records are stable: the same device is the same object until it changes. */
export class Directory implements DeviceDirectory {
  readonly #tenants = new Map<string, Tenant>();
  readonly #byPrefix = new Map<string, DeviceRecord>();
  readonly #byNo = new Map<number, DeviceRecord>();
  readonly #byTenant = new Map<number, Map<string, DeviceRecord>>();
  readonly #children = new Map<string, Map<string, DeviceRecord>>();

  addTenant(tenant: Tenant): void {
    this.#tenants.set(tenant.slug, tenant);
  }

  tenants(): readonly Tenant[] {
    return [...this.#tenants.values()];
  }

  tenant(slug: string): Tenant | undefined {
    return this.#tenants.get(slug);
  }

  tenantByNo(tenantId: number): Tenant | undefined {
    for (const tenant of this.#tenants.values()) if (tenant.tenantId === tenantId) return tenant;
    return undefined;
  }

  tenantId(slug: string): number | undefined {
    return this.#tenants.get(slug)?.tenantId;
  }

  /** Adds a device or replaces what was known of it. */
  put(record: DeviceRecord): void {
    const old = this.#byNo.get(record.deviceNo);
    if (old !== undefined) {
      this.#byPrefix.delete(old.topicPrefix);
      if (old.gatewayDeviceId !== null)
        this.#children.get(`${old.tenantId}/${old.gatewayDeviceId}`)?.delete(old.deviceId);
    }
    this.#byPrefix.set(record.topicPrefix, record);
    this.#byNo.set(record.deviceNo, record);
    mapIn(this.#byTenant, record.tenantId).set(record.deviceId, record);
    if (record.gatewayDeviceId !== null)
      mapIn(this.#children, `${record.tenantId}/${record.gatewayDeviceId}`).set(record.deviceId, record);
  }

  /** How many devices there are. */
  get size(): number {
    return this.#byNo.size;
  }

  lookup(topicPrefix: string): DeviceRecord | undefined {
    return this.#byPrefix.get(topicPrefix);
  }

  byNo(deviceNo: number): DeviceRecord | undefined {
    return this.#byNo.get(deviceNo);
  }

  byId(tenantId: number, deviceId: string): DeviceRecord | undefined {
    return this.#byTenant.get(tenantId)?.get(deviceId);
  }

  childrenOf(tenantId: number, gatewayDeviceId: string): readonly DeviceRecord[] {
    return [...(this.#children.get(`${tenantId}/${gatewayDeviceId}`)?.values() ?? [])];
  }

  all(): Iterable<DeviceRecord> {
    return this.#byNo.values();
  }

  ofTenant(tenantId: number): readonly DeviceRecord[] {
    return [...(this.#byTenant.get(tenantId)?.values() ?? [])];
  }
}

function mapIn<K>(maps: Map<K, Map<string, DeviceRecord>>, key: K): Map<string, DeviceRecord> {
  let found = maps.get(key);
  if (found === undefined) {
    found = new Map();
    maps.set(key, found);
  }
  return found;
}
