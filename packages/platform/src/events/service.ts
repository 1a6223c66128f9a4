import type { Clock, Random } from '@millrace/foundation';
import { createUlidFactory } from '@millrace/foundation';
import type { Database } from '../database/index.js';
import { withTenant } from '../database/index.js';

/** An event as people read it; times in ms. `deviceNo` null = the platform itself. */
export interface StoredEvent {
  readonly eventId: number;
  readonly deviceNo: number | null;
  readonly ts: number;
  readonly receivedAt: number;
  readonly source: 'device' | 'platform';
  readonly type: string;
  readonly body: unknown;
}

export interface EventQuery {
  readonly deviceNo?: number;
  readonly fromMs?: number;
  readonly toMs?: number;
  /** Events older than this one (its `eventId`), for the next page. */
  readonly beforeId?: number;
  readonly limit: number;
}

/** Events of devices, gateways and the platform: facts with a time that explain gaps and silences. */
export class EventService {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #nextId: () => string;

  constructor(database: Database, { clock, random }: { clock: Clock; random: Random }) {
    this.#database = database;
    this.#clock = clock;
    this.#nextId = createUlidFactory(clock, random);
  }

  /** Newest first. */
  async list(tenantId: number, query: EventQuery): Promise<StoredEvent[]> {
    return withTenant(this.#database.app, tenantId, async (client) => {
      const { rows } = await client.query<StoredEvent>(
        `SELECT event_id AS "eventId", device_no AS "deviceNo", source, type, body,
                (extract(epoch FROM ts) * 1000)::bigint AS ts,
                (extract(epoch FROM received_at) * 1000)::bigint AS "receivedAt"
           FROM events
          WHERE ($1::int IS NULL OR device_no = $1 OR device_no IS NULL)
            AND ($2::bigint IS NULL OR ts >= to_timestamp($2::bigint / 1000.0))
            AND ($3::bigint IS NULL OR ts < to_timestamp($3::bigint / 1000.0))
            AND ($4::bigint IS NULL OR event_id < $4)
          ORDER BY event_id DESC LIMIT $5`,
        [
          query.deviceNo ?? null,
          query.fromMs ?? null,
          query.toMs ?? null,
          query.beforeId ?? null,
          query.limit,
        ],
      );
      return rows;
    });
  }

  /** Records what the platform found out about a device, e.g. `clock_drift`. */
  async recordOfDevice(tenantId: number, deviceNo: number, type: string, body: object): Promise<void> {
    await this.#database.owner.query(
      `INSERT INTO events (tenant_id, device_no, msg_id, ts, received_at, source, type, body)
       VALUES ($1, $2, $3, $4, $4, 'platform', $5, $6)`,
      [tenantId, deviceNo, this.#nextId(), new Date(this.#clock.nowMs()), type, JSON.stringify(body)],
    );
  }

  /** The newest of these events of the platform for each device and clock named in it, for all tenants. */
  async latestOfClocks(types: readonly string[], sinceMs: number) {
    const { rows } = await this.#database.owner.query<{ deviceNo: number; clock: string; type: string }>(
      `SELECT DISTINCT ON (device_no, body->>'clock') device_no AS "deviceNo", body->>'clock' AS clock, type
         FROM events WHERE source = 'platform' AND device_no IS NOT NULL AND type = ANY($1) AND ts >= $2
        ORDER BY device_no, body->>'clock', event_id DESC`,
      [types, new Date(sinceMs)],
    );
    return rows;
  }

  /** Records what the platform says of itself, e.g. `platform_started`, once for each tenant. */
  async recordPlatform(tenantIds: readonly number[], type: string, body: object): Promise<void> {
    const now = new Date(this.#clock.nowMs());
    for (const tenantId of tenantIds)
      await this.#database.owner.query(
        `INSERT INTO events (tenant_id, device_no, msg_id, ts, received_at, source, type, body)
         VALUES ($1, NULL, $2, $3, $3, 'platform', $4, $5)`,
        [tenantId, this.#nextId(), now, type, JSON.stringify(body)],
      );
  }
}
