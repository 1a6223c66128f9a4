import { deviceTypes, topicPrefix } from '@millrace/contracts';
import { type Clock, MillraceError } from '@millrace/foundation';
import type { Database } from '../database/index.js';
import { Directory } from './directory.js';
import { assertSlug, type DeviceRecord, type Registration, sameDevice, type Tenant } from './model.js';
import { insertDevice, loadDevices, loadTenants, upsertTenant } from './store.js';

/** Who is registered. Reads come from memory, writes go to the database first. */
export class RegistryService {
  readonly directory = new Directory();
  /** Registrations since the start that made a new device. */
  registered = 0;
  /** Told of every new device. */
  onRegistered: (device: DeviceRecord) => void = () => {};
  readonly #database: Database;
  readonly #clock: Clock;
  /** Greatest device number that was read from the database. */
  #newest = 0;
  /** Asked before a gateway is named for a device; set by identity. */
  hasOwnCertificate: (deviceNo: number) => boolean = () => false;

  constructor(database: Database, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  /** Loads every tenant and device; to be done before the listener opens. */
  async load(): Promise<void> {
    for (const tenant of await loadTenants(this.#database.owner)) this.directory.addTenant(tenant);
    for (const device of await loadDevices(this.#database.owner)) this.directory.put(device);
  }

  /** Adds what other processes have registered since; devices never change, so only new ones are read. */
  async refresh(): Promise<void> {
    for (const tenant of await loadTenants(this.#database.owner)) {
      const known = this.directory.tenant(tenant.slug);
      if (known?.title !== tenant.title) this.directory.addTenant(tenant);
    }
    const fresh = await loadDevices(this.#database.owner, this.#newest);
    for (const device of fresh) {
      this.#newest = Math.max(this.#newest, device.deviceNo);
      if (this.directory.byNo(device.deviceNo) !== undefined) continue;
      this.directory.put(device);
      this.onRegistered(device);
    }
  }

  /** The tenant of that slug, made when it is new. */
  async ensureTenant(slug: string, title = slug): Promise<Tenant> {
    assertSlug(slug);
    const known = this.directory.tenant(slug);
    if (known !== undefined && known.title === title) return known;
    const tenant = await upsertTenant(this.#database.owner, slug, title, this.#clock.nowMs());
    this.directory.addTenant(tenant);
    return tenant;
  }

  /**
   * Registers a device; the same registration again is answered with what is there (`created` false). Throws
   * `invalid_argument` for what cannot stand in a topic, and `already_exists` when the id is taken otherwise.
   */
  async register(tenant: Tenant, wanted: Registration): Promise<{ device: DeviceRecord; created: boolean }> {
    this.#check(tenant, wanted);
    const known = this.directory.byId(tenant.tenantId, wanted.device_id);
    if (known !== undefined) return { device: this.#same(known, wanted), created: false };
    const made = await insertDevice(this.#database.app, tenant, wanted, this.#clock.nowMs());
    if (made === undefined) {
      const other = this.directory.byId(tenant.tenantId, wanted.device_id);
      if (other !== undefined) return { device: this.#same(other, wanted), created: false };
      throw new MillraceError(
        'already_exists',
        `Device ${wanted.device_id} was registered at the same moment: ask again.`,
      );
    }
    this.directory.put(made);
    this.registered++;
    this.onRegistered(made);
    return { device: made, created: true };
  }

  /** The device, or `not_found` in one sentence. */
  device(tenantId: number, deviceId: string): DeviceRecord {
    const found = this.directory.byId(tenantId, deviceId);
    if (found === undefined)
      throw new MillraceError(
        'not_found',
        `No device ${deviceId} is registered: check the id, or register it with POST /v1/devices.`,
      );
    return found;
  }

  #check(tenant: Tenant, wanted: Registration): void {
    if (wanted.enterprise !== undefined && wanted.enterprise !== tenant.slug)
      throw new MillraceError(
        'invalid_argument',
        `enterprise must be "${tenant.slug}", the tenant's own first topic segment, not "${wanted.enterprise}".`,
      );
    topicPrefix({
      enterprise: tenant.slug,
      site: wanted.site,
      area: wanted.area,
      line: wanted.line,
      deviceType: wanted.device_type,
      deviceId: wanted.device_id,
    });
    if (!deviceTypes.has(wanted.device_type))
      throw new MillraceError(
        'invalid_argument',
        `device_type "${wanted.device_type}" has no contract: use one of ${[...deviceTypes.keys()].join(', ')}.`,
      );
    const gateway = wanted.gateway_id ?? null;
    if (gateway === null) return;
    const known = this.directory.byId(tenant.tenantId, gateway);
    if (known === undefined || gateway === wanted.device_id || known.gatewayDeviceId !== null)
      throw new MillraceError(
        'invalid_argument',
        `gateway_id "${gateway}" must be another registered device that has its own connection: register the gateway first.`,
      );
  }

  #same(known: DeviceRecord, wanted: Registration): DeviceRecord {
    if (sameDevice(known, wanted)) return known;
    if (known.gatewayDeviceId === null && wanted.gateway_id && this.hasOwnCertificate(known.deviceNo))
      throw new MillraceError(
        'already_exists',
        `Device ${known.deviceId} has its own certificate, so gateway ${wanted.gateway_id} may not speak for it: revoke the certificate first.`,
      );
    throw new MillraceError(
      'already_exists',
      `Device ${known.deviceId} is registered otherwise (${known.topicPrefix}, gateway ${known.gatewayDeviceId ?? 'none'}): choose another device_id.`,
    );
  }
}
