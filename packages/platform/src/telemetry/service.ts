import { deviceTypes, isGood, type TagColumn, tagColumns } from '@millrace/contracts';
import { MillraceError, type Service } from '@millrace/foundation';
import pg from 'pg';
import { isoAt } from '../api/times.js';
import type { Database } from '../database/index.js';
import type { LedgerService } from '../ledger/index.js';
import type { DeviceRecord } from '../registry/model.js';
import { chooseInterval, intervalName, rawRowsMax } from './model.js';
import { type Question, readIntervals, readRaw } from './store.js';

/** Connections of its own, so that long questions cannot hold up short ones. */
const connectionsMax = 4;
/** Gaps and silences told with one answer. */
const breaksMax = 1_000;

export interface HistoryQuestion {
  readonly tags: readonly string[];
  readonly fromMs: number;
  readonly toMs: number;
  readonly interval: string;
  readonly quality: 'good' | 'any';
  readonly maxPoints: number;
}

type Row = Readonly<Record<string, number | boolean | string | null>>;

/** History of one device: raw readings by page, or intervals over good readings, with the breaks in it. */
export class TelemetryService implements Service {
  readonly #database: Database;
  #pool: pg.Pool | undefined;
  readonly #ledger: LedgerService;

  constructor(database: Database, ledger: LedgerService) {
    this.#database = database;
    this.#ledger = ledger;
  }

  async start(): Promise<void> {
    const pool = new pg.Pool({
      ...this.#database.clientConfig('app'),
      max: connectionsMax,
      connectionTimeoutMillis: 10_000,
      idleTimeoutMillis: 60_000,
    });
    pool.on('connect', (client) => client.on('error', () => {}));
    // The pool replaces a connection that broke; whoever held it has its query's error.
    pool.on('error', () => {});
    this.#pool = pool;
  }

  async stop(): Promise<void> {
    const pool = this.#pool;
    this.#pool = undefined;
    await pool?.end();
  }

  get #app(): pg.Pool {
    if (this.#pool === undefined) throw new MillraceError('stopped', 'The platform is stopping: try again.');
    return this.#pool;
  }

  /** Throws `invalid_argument` for an unknown tag, a bad range or interval, and says what to ask instead. */
  async history(device: DeviceRecord, asked: HistoryQuestion) {
    const intervalMs = chooseInterval(asked.interval, asked.fromMs, asked.toMs, asked.maxPoints);
    const question: Question = {
      tenantId: device.tenantId,
      deviceNo: device.deviceNo,
      deviceType: device.deviceType,
      columns: columnsOf(device.deviceType, asked.tags, intervalMs > 0),
      fromMs: asked.fromMs,
      toMs: asked.toMs,
    };
    const [answer, breaks] = await Promise.all([
      intervalMs === 0 ? this.#raw(question, asked) : this.#intervals(question, intervalMs),
      this.#ledger.gaps(device.tenantId, device.deviceNo, { ...range(asked), limit: breaksMax }),
    ]);
    return {
      device_id: device.deviceId,
      from: isoAt(asked.fromMs),
      to: isoAt(asked.toMs),
      interval: intervalName(intervalMs),
      ...answer,
      breaks: breaks.map(({ kind, fromTs, toTs, cause, evidence }) => ({
        kind,
        from: fromTs,
        to: toTs,
        cause,
        detail: evidence,
      })),
    };
  }

  async #raw(question: Question, { quality }: HistoryQuestion) {
    const rows = await readRaw(this.#app, question, rawRowsMax + 1);
    const page = cutPage(rows);
    const series = question.columns.map(({ tag }, i) => {
      const kept = page.filter((row) => {
        const q = row[`q${i}`] as number | null;
        return q !== null && (quality === 'any' || isGood(q));
      });
      return {
        tag: tag.name,
        unit: tag.unit,
        t: kept.map((row) => row.ts as number),
        v: kept.map((row) => row[`v${i}`] ?? null),
        q: kept.map((row) => row[`q${i}`] as number),
      };
    });
    const more = rows.length > page.length;
    return { series, has_more: more, next_from: more ? isoAt(rows[page.length]!.ts as number) : null };
  }

  async #intervals(question: Question, intervalMs: number) {
    const rows = await readIntervals(this.#app, question, intervalMs);
    const series = question.columns.map(({ tag }, i) => {
      const kept = rows.filter((row) => (row[`n${i}`] as number) > 0);
      const column = (letter: string) => kept.map((row) => row[`${letter}${i}`] as number | null);
      return {
        tag: tag.name,
        unit: tag.unit,
        t: kept.map((row) => row.ts as number),
        avg: column('a'),
        min: column('l'),
        max: column('h'),
        count: column('n') as number[],
        good: column('g') as number[],
      };
    });
    return { series, has_more: false, next_from: null };
  }
}

/** A page ends between two times, so that the next one can begin at a time and repeats nothing. */
function cutPage(rows: readonly Row[]): readonly Row[] {
  if (rows.length <= rawRowsMax) return rows;
  let end = rawRowsMax;
  while (end > 0 && rows[end - 1]!.ts === rows[rawRowsMax]!.ts) end--;
  return rows.slice(0, end === 0 ? rawRowsMax : end);
}

function range({ fromMs, toMs }: HistoryQuestion): { fromMs: number; toMs: number } {
  return { fromMs, toMs };
}

function columnsOf(deviceType: string, tags: readonly string[], numeric: boolean): TagColumn[] {
  const type = deviceTypes.get(deviceType);
  const all = type === undefined ? [] : tagColumns(type);
  if (tags.length === 0) return all.filter((column) => !numeric || column.valueType !== 'text');
  return tags.map((name) => {
    const found = all.find((column) => column.tag.name === name);
    if (found === undefined)
      throw new MillraceError(
        'invalid_argument',
        `tags: "${name}" is not a tag of ${deviceType}; it has ${all.map((column) => column.tag.name).join(', ')}.`,
      );
    if (numeric && found.valueType === 'text')
      throw new MillraceError(
        'invalid_argument',
        `tags: "${name}" is text and has no average: ask for interval=raw.`,
      );
    return found;
  });
}
