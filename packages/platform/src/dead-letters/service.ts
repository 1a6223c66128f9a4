import { type Clock, MillraceError } from '@millrace/foundation';
import type { Ingress } from '@millrace/mqtt';
import type { Database } from '../database/index.js';
import { withTenant } from '../database/index.js';
import type {
  DeadLetter,
  DeadLetterFilter,
  DeadLetterQuery,
  DeadLetterSummary,
  ReplayReport,
  ReplayResult,
} from './model.js';
import { replayLetters } from './replay.js';
import {
  countKeptSince,
  discardLetter,
  selectActions,
  selectKeptIds,
  selectLetters,
  selectWhole,
} from './store.js';

/** Letters replayed by one order; the caller orders again for more. */
export const replayLettersMax = 10_000;
/** Letters that are in memory at a time; each holds at most 256 KiB. */
const lettersPerBatch = 100;
const problemsMax = 100;

export interface DeadLetterOptions {
  readonly clock: Clock;
  /** Where replayed letters go in; asked for at each replay. */
  readonly ingress: () => Ingress;
}

/** Messages that could not become readings: to look at, to send through the river again, or to let go. */
export class DeadLetterService {
  readonly #database: Database;
  readonly #options: DeadLetterOptions;
  /** Letters that are being replayed or discarded. */
  readonly #busy = new Set<number>();

  constructor(database: Database, options: DeadLetterOptions) {
    this.#database = database;
    this.#options = options;
  }

  /** Newest first. */
  list(tenantId: number, query: DeadLetterQuery): Promise<DeadLetterSummary[]> {
    return withTenant(this.#database.app, tenantId, (client) => selectLetters(client, query));
  }

  /** One dead letter with its payload and what was done with it; undefined when the tenant has none of that number. */
  get(tenantId: number, deadLetterId: number): Promise<DeadLetter | undefined> {
    return withTenant(this.#database.app, tenantId, async (client) => {
      const [letter] = await selectWhole(client, [deadLetterId]);
      if (letter === undefined) return undefined;
      return { ...letter, actions: await selectActions(client, deadLetterId) };
    });
  }

  /** How many arrived since a time (ms) and still wait for someone, for the fleet's summary. */
  countSince(tenantId: number, sinceMs: number): Promise<number> {
    return withTenant(this.#database.app, tenantId, (client) => countKeptSince(client, sinceMs));
  }

  /**
   * Sends a kept letter through the river again; resolves once its new fate is committed. A refusal is an outcome and
   * leaves the letter kept; one that is not kept any more is a conflict.
   */
  async replay(tenantId: number, deadLetterId: number, by: string): Promise<ReplayResult> {
    const { status } = await this.#find(tenantId, deadLetterId);
    if (status !== 'kept') throw settled(deadLetterId, status);
    const [result] = await this.#replay(tenantId, [deadLetterId], by);
    if (result === undefined || result.outcome === 'skipped')
      throw new MillraceError(
        'already_exists',
        `Dead letter ${deadLetterId} cannot be replayed: ${result?.detail ?? ''}`,
      );
    return result;
  }

  /** Replays the kept letters that match, oldest first, up to `limit` of them. */
  async replayMatching(
    tenantId: number,
    filter: DeadLetterFilter,
    limit: number,
    by: string,
  ): Promise<ReplayReport> {
    const ids = await withTenant(this.#database.app, tenantId, (client) =>
      selectKeptIds(client, filter, Math.min(limit, replayLettersMax)),
    );
    const counts = { stored: 0, duplicate: 0, refused: 0, skipped: 0 };
    const problems: ReplayResult[] = [];
    for (let at = 0; at < ids.length; at += lettersPerBatch)
      for (const result of await this.#replay(tenantId, ids.slice(at, at + lettersPerBatch), by)) {
        counts[result.outcome]++;
        if (result.detail !== '' && problems.length < problemsMax) problems.push(result);
      }
    const { stored, duplicate: duplicates, refused, skipped } = counts;
    return { stored, duplicates, refused, skipped, problems };
  }

  /** Lets a kept letter go: its payload is removed; where it came from, who did it, when and why stays. */
  async discard(tenantId: number, deadLetterId: number, by: string, why: string): Promise<void> {
    const { status } = await this.#find(tenantId, deadLetterId);
    if (this.#busy.has(deadLetterId)) throw settled(deadLetterId, 'being replayed');
    this.#busy.add(deadLetterId);
    try {
      const done = await withTenant(this.#database.app, tenantId, (client) =>
        discardLetter(client, deadLetterId, by, this.#options.clock.nowMs(), why),
      );
      if (!done) throw settled(deadLetterId, status === 'kept' ? 'settled' : status);
    } finally {
      this.#busy.delete(deadLetterId);
    }
  }

  async #find(tenantId: number, deadLetterId: number): Promise<DeadLetterSummary> {
    const [letter] = await withTenant(this.#database.app, tenantId, (client) =>
      selectWhole(client, [deadLetterId]),
    );
    if (letter !== undefined) return letter;
    throw new MillraceError(
      'not_found',
      `There is no dead letter ${deadLetterId}: GET /v1/dead-letters lists them.`,
    );
  }

  /** Letters are marked as busy before they are read, so that two orders never have the same one in hand as kept. */
  async #replay(tenantId: number, wanted: readonly number[], by: string): Promise<ReplayResult[]> {
    const ids = wanted.filter((id) => !this.#busy.has(id));
    for (const id of ids) this.#busy.add(id);
    try {
      const letters = await withTenant(this.#database.app, tenantId, (client) => selectWhole(client, ids));
      const kept = letters.filter((letter) => letter.status === 'kept');
      const order = { tenantId, by, at: this.#options.clock.nowMs() };
      const results = await replayLetters(this.#options.ingress(), order, kept);
      const done = new Set(results.map((result) => result.deadLetterId));
      const skipped = wanted.filter((id) => !done.has(id));
      return [
        ...results,
        ...skipped.map((deadLetterId): ReplayResult => {
          return { deadLetterId, outcome: 'skipped', detail: 'It is being replayed or was settled already.' };
        }),
      ];
    } finally {
      for (const id of ids) this.#busy.delete(id);
    }
  }
}

function settled(deadLetterId: number, status: string): MillraceError {
  return new MillraceError(
    'already_exists',
    `Dead letter ${deadLetterId} is ${status} and cannot change any more.`,
  );
}
