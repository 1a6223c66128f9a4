import { topicPrefix } from '@millrace/contracts';
import type { Pool } from 'pg';
import { withTenant } from '../database/index.js';
import type { DeviceRecord, Registration, Tenant } from './model.js';

interface DeviceRow {
  readonly device_no: number;
  readonly tenant_id: number;
  readonly device_id: string;
  readonly device_type: string;
  readonly title: string;
  readonly enterprise: string;
  readonly site: string;
  readonly area: string;
  readonly line: string;
  readonly gateway_device_id: string | null;
  readonly created_at: Date;
}

/** Every tenant, read as the owner at the start. */
export async function loadTenants(owner: Pool): Promise<Tenant[]> {
  const { rows } = await owner.query<Tenant>(
    'SELECT tenant_id AS "tenantId", slug, title FROM tenants ORDER BY tenant_id',
  );
  return rows;
}

/** Makes a tenant, or gives the one with that slug its title. */
export async function upsertTenant(owner: Pool, slug: string, title: string, nowMs: number): Promise<Tenant> {
  const { rows } = await owner.query<Tenant>(
    `INSERT INTO tenants (slug, title, created_at) VALUES ($1, $2, $3)
     ON CONFLICT (slug) DO UPDATE SET title = excluded.title
     RETURNING tenant_id AS "tenantId", slug, title`,
    [slug, title, new Date(nowMs)],
  );
  return rows[0]!;
}

/**
 * Every device of every tenant with a number above `after`, read as the owner. Numbers are given before they are
 * committed, so the last few are read again.
 */
export async function loadDevices(owner: Pool, after = 0): Promise<DeviceRecord[]> {
  const { rows } = await owner.query<DeviceRow>(
    'SELECT * FROM devices WHERE device_no > $1 ORDER BY device_no',
    [after - 1_000],
  );
  return rows.map(toRecord);
}

/** Inserts a device; undefined when the id is taken within the tenant. */
export async function insertDevice(
  app: Pool,
  tenant: Tenant,
  wanted: Registration,
  nowMs: number,
): Promise<DeviceRecord | undefined> {
  return withTenant(app, tenant.tenantId, async (client) => {
    const { rows } = await client.query<DeviceRow>(
      `INSERT INTO devices (tenant_id, device_id, device_type, title, enterprise, site, area, line,
                            gateway_device_id, created_at, updated_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
       ON CONFLICT (tenant_id, device_id) DO NOTHING RETURNING *`,
      [
        tenant.tenantId,
        wanted.device_id,
        wanted.device_type,
        wanted.title ?? wanted.device_id,
        tenant.slug,
        wanted.site,
        wanted.area,
        wanted.line,
        wanted.gateway_id ?? null,
        new Date(nowMs),
      ],
    );
    return rows[0] === undefined ? undefined : toRecord(rows[0]);
  });
}

function toRecord(row: DeviceRow): DeviceRecord {
  const address = {
    enterprise: row.enterprise,
    site: row.site,
    area: row.area,
    line: row.line,
    deviceType: row.device_type,
    deviceId: row.device_id,
  };
  return {
    ...address,
    tenantId: row.tenant_id,
    deviceNo: row.device_no,
    topicPrefix: topicPrefix(address),
    gatewayDeviceId: row.gateway_device_id,
    title: row.title,
    createdAt: row.created_at.getTime(),
  };
}
