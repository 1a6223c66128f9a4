import { telemetryTable } from '@millrace/contracts';
import type { Database } from '../database/index.js';
import { withTenant } from '../database/index.js';
import type { DeviceDirectory } from '../ingest/device-directory.js';
import { accountOf, type Completeness, type Counts, countsOf, noAccount } from './account.js';
import type { Ledger } from './ledger.js';
import { readSpans } from './spans.js';
import { readDevices } from './store.js';

/** A gap or silence; times in ms. */
export interface StoredGap {
  readonly gapId: number;
  readonly deviceNo: number;
  readonly kind: 'gap' | 'silence';
  readonly fromSeq: number | null;
  readonly toSeq: number | null;
  readonly missing: number;
  readonly fromTs: number;
  /** null = not over yet. */
  readonly toTs: number | null;
  readonly cause: string;
  readonly evidence: string;
  readonly openedAt: number;
  readonly closedAt: number | null;
}

export interface GapQuery {
  readonly fromMs?: number;
  readonly toMs?: number;
  /** True: only gaps that are open (numbers still missing). */
  readonly openOnly?: boolean;
  readonly limit: number;
  /** Newest first, after this row of the page before; absent = oldest first. */
  readonly newestFirst?: { readonly after?: GapPlace };
}

/** Where a page of gaps ended: the last row's start (ms) and id. */
export interface GapPlace {
  readonly fromTs: number;
  readonly gapId: number;
}

/** The account of one device of the fleet. */
export interface DeviceCounts extends Counts {
  readonly deviceNo: number;
}

/** How long an account of a fleet stands, so that its pages fit each other, ms. */
const fleetMs = 10_000;
/** Accounts of fleets kept at a time. */
const fleetsMax = 16;

/** What the ledger can prove: completeness, gaps and silences. */
export class LedgerService {
  readonly #database: Database;
  /** Undefined where other processes keep it; then the database is asked. */
  readonly #ledger: Ledger | undefined;
  readonly #directory: DeviceDirectory;
  readonly #fleets = new Map<string, { at: number; counts: Promise<readonly DeviceCounts[]> }>();

  constructor(database: Database, ledger: Ledger | undefined, directory: DeviceDirectory) {
    this.#database = database;
    this.#ledger = ledger;
    this.#directory = directory;
  }

  /**
   * Which numbers a device sent between two times (ms), and their fates. The range of numbers is that of the
   * readings in this time, per numbering; what the ledger has no fate for within it is missing.
   */
  async completeness(
    tenantId: number,
    deviceNo: number,
    fromMs: number,
    toMs: number,
  ): Promise<Completeness> {
    const entry = this.#directory.byNo(deviceNo);
    const ledger = this.#ledger ?? (await readDevices(this.#database.owner, [deviceNo]));
    const device = ledger.find(deviceNo);
    if (entry === undefined || entry.tenantId !== tenantId || device === undefined) return noAccount;
    const tables = [telemetryTable(entry.deviceType)];
    const spans = await readSpans(this.#database, tenantId, tables, [deviceNo], fromMs, toMs);
    return accountOf(device, spans.get(deviceNo));
  }

  /**
   * The accounts of all devices of a tenant between two times (ms). Devices that sent nothing have zeros. The same
   * question within ten seconds has the same answer.
   */
  fleet(tenantId: number, fromMs: number, toMs: number, nowMs: number): Promise<readonly DeviceCounts[]> {
    for (const [key, { at }] of this.#fleets) if (nowMs - at >= fleetMs) this.#fleets.delete(key);
    const key = `${tenantId} ${fromMs} ${toMs}`;
    const known = this.#fleets.get(key);
    if (known !== undefined) return known.counts;
    const oldest = this.#fleets.keys().next();
    if (this.#fleets.size >= fleetsMax && !oldest.done) this.#fleets.delete(oldest.value);
    const counts = this.#readFleet(tenantId, fromMs, toMs);
    this.#fleets.set(key, { at: nowMs, counts });
    counts.catch(() => this.#fleets.delete(key));
    return counts;
  }

  async #readFleet(tenantId: number, fromMs: number, toMs: number): Promise<readonly DeviceCounts[]> {
    const entries = [...this.#directory.all()].filter((entry) => entry.tenantId === tenantId);
    const numbers = entries.map((entry) => entry.deviceNo);
    const tables = new Set(entries.map((entry) => telemetryTable(entry.deviceType)));
    const ledger = this.#ledger ?? (await readDevices(this.#database.owner, numbers));
    const spans = await readSpans(this.#database, tenantId, [...tables], numbers, fromMs, toMs);
    return numbers.map((deviceNo) => ({
      deviceNo,
      ...countsOf(ledger.find(deviceNo), spans.get(deviceNo)),
    }));
  }

  /** Gaps and silences that touch the time range, oldest first unless asked otherwise. */
  gaps(tenantId: number, deviceNo: number | undefined, query: GapQuery): Promise<StoredGap[]> {
    const after = query.newestFirst?.after;
    const order = query.newestFirst === undefined ? 'from_ts, gap_id' : 'from_ts DESC, gap_id DESC';
    return withTenant(this.#database.app, tenantId, async (client) => {
      const { rows } = await client.query<StoredGap>(
        `SELECT gap_id AS "gapId", device_no AS "deviceNo", kind, from_seq AS "fromSeq", to_seq AS "toSeq", missing,
                (extract(epoch FROM from_ts) * 1000)::bigint AS "fromTs",
                (extract(epoch FROM to_ts) * 1000)::bigint AS "toTs", cause, evidence,
                (extract(epoch FROM opened_at) * 1000)::bigint AS "openedAt",
                (extract(epoch FROM closed_at) * 1000)::bigint AS "closedAt"
           FROM gaps
          WHERE ($1::int IS NULL OR device_no = $1)
            AND ($2::bigint IS NULL OR to_ts IS NULL OR to_ts >= to_timestamp($2::bigint / 1000.0))
            AND ($3::bigint IS NULL OR from_ts < to_timestamp($3::bigint / 1000.0))
            AND (NOT $4 OR closed_at IS NULL)
            AND ($6::bigint IS NULL OR (from_ts, gap_id) < (to_timestamp($6::bigint / 1000.0), $7::bigint))
          ORDER BY ${order} LIMIT $5`,
        [
          deviceNo ?? null,
          query.fromMs ?? null,
          query.toMs ?? null,
          query.openOnly ?? false,
          query.limit,
          after?.fromTs ?? null,
          after?.gapId ?? null,
        ],
      );
      return rows;
    });
  }
}
