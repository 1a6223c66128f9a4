import type { Pool } from 'pg';
import { withTenant } from '../database/index.js';
import type { CertificateRecord } from './model.js';

const columns = `serial, tenant_id AS "tenantId", device_no AS "deviceNo", common_name AS "commonName", fingerprint256,
  (extract(epoch FROM not_before) * 1000)::bigint AS "notBefore", (extract(epoch FROM not_after) * 1000)::bigint AS "notAfter",
  (extract(epoch FROM revoked_at) * 1000)::bigint AS "revokedAt", messages_per_minute_alert AS "messagesPerMinuteAlert"`;

/** Certificates of all tenants that have not expired, read as the owner at the start. */
export async function loadCertificates(owner: Pool, nowMs: number): Promise<CertificateRecord[]> {
  const { rows } = await owner.query<CertificateRecord>(
    `SELECT ${columns} FROM certificates WHERE not_after > $1`,
    [new Date(nowMs)],
  );
  return rows;
}

export async function insertCertificate(
  app: Pool,
  certificate: CertificateRecord,
  nowMs: number,
): Promise<void> {
  await withTenant(app, certificate.tenantId, (client) =>
    client.query(
      `INSERT INTO certificates (serial, tenant_id, device_no, common_name, fingerprint256, not_before, not_after, issued_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [
        certificate.serial,
        certificate.tenantId,
        certificate.deviceNo,
        certificate.commonName,
        certificate.fingerprint256,
        new Date(certificate.notBefore),
        new Date(certificate.notAfter),
        new Date(nowMs),
      ],
    ),
  );
}

/** The tenant's certificates, expired ones too. */
export async function listCertificates(app: Pool, tenantId: number): Promise<CertificateRecord[]> {
  return withTenant(app, tenantId, async (client) => {
    const { rows } = await client.query<CertificateRecord>(
      `SELECT ${columns} FROM certificates ORDER BY issued_at DESC, serial LIMIT 100000`,
    );
    return rows;
  });
}

/** False when the tenant has no such certificate, or it was revoked before. */
export async function revokeCertificate(
  app: Pool,
  tenantId: number,
  serial: string,
  nowMs: number,
): Promise<boolean> {
  const { rowCount } = await withTenant(app, tenantId, (client) =>
    client.query('UPDATE certificates SET revoked_at = $2 WHERE serial = $1 AND revoked_at IS NULL', [
      serial,
      new Date(nowMs),
    ]),
  );
  return rowCount === 1;
}
