import { telemetryTable } from '@millrace/contracts';
import type { Database } from '../database/index.js';
import { withTenant } from '../database/index.js';
import type { DeviceDirectory } from '../ingest/device-directory.js';
import type { Ledger } from './ledger.js';
import type { Run } from './run-set.js';
import { readDevice } from './store.js';

/** Ranges listed in an answer; further ones are counted only. */
const rangesMax = 1_000;

/** A range of numbers with one fate, or with none. */
export interface CompletenessRange {
  readonly epoch: number;
  readonly fate: 'missing' | 'dead_lettered' | 'lost';
  readonly fromSeq: number;
  readonly toSeq: number;
}

/** What is known of a device's numbers between two times. */
export interface Completeness {
  readonly expected: number;
  readonly stored: number;
  readonly missing: number;
  readonly deadLettered: number;
  readonly lost: number;
  /** Of the device's whole life: a duplicate has no time of its own. */
  readonly duplicatesRefused: number;
  /** Everything that was expected and is not stored; at most 1,000 ranges. */
  readonly ranges: readonly CompletenessRange[];
  readonly rangesTruncated: boolean;
}

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
}

/** What the ledger can prove: completeness, gaps and silences. */
export class LedgerService {
  readonly #database: Database;
  /** Undefined where other processes keep it; then the database is asked. */
  readonly #ledger: Ledger | undefined;
  readonly #directory: DeviceDirectory;

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
    const ledger = this.#ledger ?? (await readDevice(this.#database.owner, deviceNo));
    const device = ledger.find(deviceNo);
    const ranges: CompletenessRange[] = [];
    const sums = { expected: 0, stored: 0, missing: 0, deadLettered: 0, lost: 0, duplicatesRefused: 0 };
    if (entry === undefined || entry.tenantId !== tenantId || device === undefined)
      return { ...sums, ranges, rangesTruncated: false };
    const spans = await this.#spans(tenantId, telemetryTable(entry.deviceType), deviceNo, fromMs, toMs);
    for (const numbering of device.numberings) {
      sums.duplicatesRefused += numbering.duplicates;
      const span = spans.get(numbering.epoch);
      if (span === undefined) continue;
      const { epoch } = numbering;
      const [stored, dead, lost] = numbering.decided;
      sums.expected += span.last - span.first + 1;
      sums.stored += stored.countWithin(span.first, span.last);
      const add = (fate: CompletenessRange['fate'], runs: Iterable<Run>): number => {
        let count = 0;
        for (const run of runs) {
          const fromSeq = Math.max(run.first, span.first);
          const toSeq = Math.min(run.last, span.last);
          if (fromSeq > toSeq) continue;
          count += toSeq - fromSeq + 1;
          ranges.push({ epoch, fate, fromSeq, toSeq });
        }
        return count;
      };
      sums.missing += add('missing', numbering.missing(span.first, span.last));
      // A dead letter that was replayed is stored, and so is a number that was reported lost and came after all.
      sums.deadLettered += add(
        'dead_lettered',
        [...dead.runs(span.first)].flatMap((run) => stored.holes(run.first, run.last)),
      );
      sums.lost += add(
        'lost',
        [...lost.runs(span.first)].flatMap((run) => stored.holes(run.first, run.last)),
      );
    }
    return { ...sums, ranges: ranges.slice(0, rangesMax), rangesTruncated: ranges.length > rangesMax };
  }

  /** Gaps and silences that touch the time range, oldest first. */
  gaps(tenantId: number, deviceNo: number | undefined, query: GapQuery): Promise<StoredGap[]> {
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
          ORDER BY from_ts, gap_id LIMIT $5`,
        [deviceNo ?? null, query.fromMs ?? null, query.toMs ?? null, query.openOnly ?? false, query.limit],
      );
      return rows;
    });
  }

  /** First and last number by numbering, of the readings and dead letters in a time range. */
  #spans(
    tenantId: number,
    table: string,
    deviceNo: number,
    fromMs: number,
    toMs: number,
  ): Promise<Map<number, Run>> {
    return withTenant(this.#database.app, tenantId, async (client) => {
      const { rows } = await client.query<{ epoch: number; first: number; last: number }>(
        `SELECT epoch, min(seq) AS first, max(seq) AS last FROM (
           SELECT epoch, seq FROM ${table} WHERE device_no = $1 AND seq IS NOT NULL AND ts >= $2 AND ts < $3
           UNION ALL
           SELECT epoch, seq FROM dead_letters
            WHERE device_no = $1 AND seq IS NOT NULL AND received_at >= $2 AND received_at < $3) s
         GROUP BY epoch`,
        [deviceNo, new Date(fromMs), new Date(toMs)],
      );
      return new Map(rows.map((row) => [row.epoch, { first: row.first, last: row.last }]));
    });
  }
}
