import { clientIdOf } from '@millrace/contracts';
import { type Clock, MillraceError } from '@millrace/foundation';
import type { Database } from '../database/index.js';
import type { DeviceRecord, Tenant } from '../registry/model.js';
import type { RegistryService } from '../registry/service.js';
import type { CertificateRecord } from './model.js';
import type { IssuedCertificate, Pki } from './pki.js';
import { insertCertificate, listCertificates, loadCertificates, revokeCertificate } from './store.js';

/** Which certificate stands for which device. Everything that the front door asks is in memory. */
export class IdentityService {
  readonly pki: Pki;
  readonly #database: Database;
  readonly #registry: RegistryService;
  readonly #clock: Clock;
  readonly #bySerial = new Map<string, CertificateRecord>();
  /** Told of a revoked identity, so that its connection ends. */
  onRevoked: (commonName: string) => void = () => {};

  constructor(options: { database: Database; registry: RegistryService; pki: Pki; clock: Clock }) {
    this.pki = options.pki;
    this.#database = options.database;
    this.#registry = options.registry;
    this.#clock = options.clock;
    options.registry.hasOwnCertificate = (deviceNo) => this.hasActive(deviceNo);
  }

  async load(): Promise<void> {
    for (const one of await loadCertificates(this.#database.owner, this.#clock.nowMs()))
      this.#bySerial.set(one.serial, one);
  }

  /** Learns what other processes have issued and revoked since. */
  async refresh(): Promise<void> {
    for (const one of await loadCertificates(this.#database.owner, this.#clock.nowMs())) {
      const known = this.#bySerial.get(one.serial);
      this.#bySerial.set(one.serial, one);
      if (known?.revokedAt === null && one.revokedAt !== null) this.onRevoked(one.commonName);
    }
  }

  bySerial(serial: string): CertificateRecord | undefined {
    return this.#bySerial.get(serial);
  }

  /** Whether a device has a certificate that is neither expired nor revoked. */
  hasActive(deviceNo: number): boolean {
    const now = this.#clock.nowMs();
    for (const one of this.#bySerial.values())
      if (one.deviceNo === deviceNo && one.revokedAt === null && one.notAfter > now) return true;
    return false;
  }

  /**
   * Issues a certificate for a registered device from its signing request. Throws `not_found`, `invalid_argument`,
   * and `already_exists` for a device that a gateway speaks for.
   */
  async issue(tenant: Tenant, deviceId: string, csr: string): Promise<IssuedCertificate> {
    const device = this.#mayOwn(tenant, deviceId);
    const commonName = clientIdOf(tenant.slug, deviceId);
    const issued = await this.pki.issueFromRequest(csr, commonName, deviceId, this.#kind(device));
    await this.#record(device, issued);
    return issued;
  }

  /** As `issue`, with a key made here; for the local command line. */
  async issueWithKey(tenant: Tenant, deviceId: string): Promise<IssuedCertificate & { keyPem: string }> {
    const device = this.#mayOwn(tenant, deviceId);
    const issued = await this.pki.issueWithKey(clientIdOf(tenant.slug, deviceId), this.#kind(device));
    await this.#record(device, issued);
    return issued;
  }

  list(tenantId: number): Promise<CertificateRecord[]> {
    return listCertificates(this.#database.app, tenantId);
  }

  /** Revokes a certificate and ends its connection. Throws `not_found`. */
  async revoke(tenantId: number, serial: string): Promise<void> {
    const now = this.#clock.nowMs();
    if (!(await revokeCertificate(this.#database.app, tenantId, serial, now)))
      throw new MillraceError('not_found', `There is no certificate ${serial} that could be revoked.`);
    const known = this.#bySerial.get(serial);
    if (known === undefined) return;
    this.#bySerial.set(serial, { ...known, revokedAt: now });
    this.onRevoked(known.commonName);
  }

  #mayOwn(tenant: Tenant, deviceId: string): DeviceRecord {
    const device = this.#registry.device(tenant.tenantId, deviceId);
    if (device.gatewayDeviceId !== null)
      throw new MillraceError(
        'already_exists',
        `Gateway ${device.gatewayDeviceId} speaks for device ${deviceId}, so it gets no certificate of its own: issue one for the gateway.`,
      );
    return device;
  }

  #kind(device: DeviceRecord): 'device' | 'gateway' {
    const speaks = this.#registry.directory.childrenOf(device.tenantId, device.deviceId).length > 0;
    return speaks || device.deviceType === 'edge_gateway' ? 'gateway' : 'device';
  }

  async #record(device: DeviceRecord, issued: IssuedCertificate): Promise<void> {
    const record: CertificateRecord = {
      serial: issued.serial,
      tenantId: device.tenantId,
      deviceNo: device.deviceNo,
      commonName: issued.commonName,
      fingerprint256: issued.fingerprint256,
      notBefore: issued.notBefore,
      notAfter: issued.notAfter,
      revokedAt: null,
      messagesPerMinuteAlert: null,
    };
    await insertCertificate(this.#database.app, record, this.#clock.nowMs());
    this.#bySerial.set(record.serial, record);
  }
}
