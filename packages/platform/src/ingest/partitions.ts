import { type Clock, errorMessage, type Logger } from '@millrace/foundation';
import type { Pool } from 'pg';
import { inTransaction, securedSql } from '../database/index.js';

export const dayMs = 86_400_000;

/** Daily partitions a table may have beyond the planned ones; rows of further days go to its default partition. */
export const unplannedDaysMax = 800;

/** The day of a time, counted from 1970-01-01 UTC. */
export function dayOf(timeMs: number): number {
  return Math.floor(timeMs / dayMs);
}

/**
 * Makes daily partitions: ahead of time for the days around now, on demand for the first early or late row of any
 * other day. A partition that cannot be made is no reason to lose a row: the table's default partition takes it.
 */
export class Partitions {
  readonly #owner: Pool;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #known = new Map<string, Set<number>>();
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(owner: Pool, { clock, logger }: { clock: Clock; logger: Logger }) {
    this.#owner = owner;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** True when rows of that day can be stored at once. */
  has(table: string, day: number): boolean {
    return this.#known.get(table)?.has(day) ?? false;
  }

  /** Reads which partitions exist, and makes those of yesterday to the day after tomorrow. */
  async plan(tables: readonly string[]): Promise<void> {
    const today = dayOf(this.#clock.nowMs());
    for (const table of tables) {
      const { rows } = await this.#owner.query<{ relname: string }>(
        `SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $1::regclass`,
        [table],
      );
      const days = new Set(rows.flatMap((row) => dayOfName(table, row.relname)));
      this.#known.set(table, days);
      for (let day = today - 1; day <= today + 2; day++) await this.ensure(table, day);
    }
  }

  /** Drops the partitions of the days before `day`. */
  async dropBefore(table: string, day: number): Promise<void> {
    const days = this.#known.get(table);
    for (const each of days ?? []) {
      if (each >= day) continue;
      await this.#owner.query(`DROP TABLE IF EXISTS ${partitionName(table, each)}`);
      days?.delete(each);
    }
  }

  /** Resolves when rows of that day can be stored, in their own partition or in the default one. */
  ensure(table: string, day: number): Promise<void> {
    const days = this.#known.get(table) ?? new Set<number>();
    this.#known.set(table, days);
    if (days.has(day)) return Promise.resolve();
    const name = partitionName(table, day);
    const running = this.#underWay.get(name);
    if (running !== undefined) return running;
    const made = this.#make(table, name, day, days).finally(() => this.#underWay.delete(name));
    this.#underWay.set(name, made);
    return made;
  }

  async #make(table: string, name: string, day: number, days: Set<number>): Promise<void> {
    const nearNow = Math.abs(day - dayOf(this.#clock.nowMs())) <= 3;
    if (days.size < unplannedDaysMax || nearNow) {
      try {
        await inTransaction(this.#owner, (client) => client.query(createSql(table, name, day)));
      } catch (error) {
        if (isUnavailable(error)) throw error;
        this.#logger.warn('A daily partition could not be made; its rows go to the default partition.', {
          partition: name,
          error: errorMessage(error),
        });
      }
    }
    days.add(day);
  }
}

function createSql(table: string, name: string, day: number): string {
  const from = new Date(day * dayMs).toISOString();
  const to = new Date((day + 1) * dayMs).toISOString();
  return `CREATE TABLE IF NOT EXISTS ${name} PARTITION OF ${table} FOR VALUES FROM ('${from}') TO ('${to}');
    ${securedSql(name)}`;
}

/** Whether the database was away, as against having refused the statement. */
function isUnavailable(error: unknown): boolean {
  const code = (error as { code?: string }).code ?? '';
  return !/^[0-9A-Z]{5}$/.test(code) || /^(08|53|57)/.test(code);
}

function partitionName(table: string, day: number): string {
  return `${table}_${new Date(day * dayMs).toISOString().slice(0, 10).replaceAll('-', '')}`;
}

function dayOfName(table: string, name: string): number[] {
  const digits = /^_(\d{4})(\d\d)(\d\d)$/.exec(name.slice(table.length));
  return digits === null
    ? []
    : [Date.UTC(Number(digits[1]), Number(digits[2]) - 1, Number(digits[3])) / dayMs];
}
