import type { Database } from '../database/index.js';
import { withTenant } from '../database/index.js';

/** A dead letter without its payload; times in ms. */
export interface DeadLetterSummary {
  readonly deadLetterId: number;
  readonly deviceNo: number | null;
  readonly receivedAt: number;
  readonly clientId: string;
  readonly topic: string;
  /** From the closed list of contracts (`deadLetterReasons`). */
  readonly reason: string;
  /** As people see it, e.g. `unknown_schema_version_9.9`. */
  readonly shownReason: string;
  readonly detail: string;
  readonly schemaVersion: string | null;
  readonly seq: number | null;
  readonly contentType: string | null;
  readonly payloadBytes: number;
  readonly status: string;
}

export interface DeadLetter extends DeadLetterSummary {
  /** The payload as it came; of one above 256 KiB the first 64 KiB. */
  readonly payload: Buffer;
}

export interface DeadLetterQuery {
  readonly reason?: string;
  readonly deviceNo?: number;
  readonly beforeId?: number;
  readonly limit: number;
}

const columns = `dead_letter_id AS "deadLetterId", device_no AS "deviceNo",
  (extract(epoch FROM received_at) * 1000)::bigint AS "receivedAt", client_id AS "clientId", topic, reason,
  shown_reason AS "shownReason", detail, schema_version AS "schemaVersion", seq, content_type AS "contentType",
  payload_bytes AS "payloadBytes", status`;

/** Messages that could not become readings, for people to look at. */
export class DeadLetterService {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Newest first. */
  list(tenantId: number, query: DeadLetterQuery): Promise<DeadLetterSummary[]> {
    return withTenant(this.#database.app, tenantId, async (client) => {
      const { rows } = await client.query<DeadLetterSummary>(
        `SELECT ${columns} FROM dead_letters
          WHERE ($1::text IS NULL OR reason = $1 OR shown_reason = $1)
            AND ($2::int IS NULL OR device_no = $2) AND ($3::bigint IS NULL OR dead_letter_id < $3)
          ORDER BY dead_letter_id DESC LIMIT $4`,
        [query.reason ?? null, query.deviceNo ?? null, query.beforeId ?? null, query.limit],
      );
      return rows;
    });
  }

  /** One dead letter with its payload; undefined when the tenant has none of that number. */
  get(tenantId: number, deadLetterId: number): Promise<DeadLetter | undefined> {
    return withTenant(this.#database.app, tenantId, async (client) => {
      const { rows } = await client.query<DeadLetter>(
        `SELECT ${columns}, payload FROM dead_letters WHERE dead_letter_id = $1`,
        [deadLetterId],
      );
      return rows[0];
    });
  }

  /** How many arrived since a time (ms), for the fleet's summary. */
  countSince(tenantId: number, sinceMs: number): Promise<number> {
    return withTenant(this.#database.app, tenantId, async (client) => {
      const { rows } = await client.query<{ count: number }>(
        'SELECT count(*) AS count FROM dead_letters WHERE received_at >= $1',
        [new Date(sinceMs)],
      );
      return rows[0]?.count ?? 0;
    });
  }
}
