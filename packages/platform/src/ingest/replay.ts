import type { PublishBatch } from '@millrace/mqtt';
import pg from 'pg';
import type { Claim } from '../ledger/change-set.js';
import { type Batch, type PendingDeadLetter, RowState } from './batch.js';
import type { Binding } from './route.js';

export type ReplayOutcome = 'stored' | 'duplicate' | 'refused';

/** A dead letter on its second way through the river. Ingest fills in what became of it. */
export interface Replay {
  readonly tenantId: number;
  readonly deadLetterId: number;
  /** The number under which the ledger counts it as dead-lettered; undefined where none could be read. */
  readonly number: { readonly epoch: number; readonly seq: number } | undefined;
  /** Who asked and when (ms), for the audit. */
  readonly by: string;
  readonly at: number;
  outcome: ReplayOutcome | undefined;
  /** Why it was refused again. */
  refusal: PendingDeadLetter | undefined;
}

/** A PUBLISH batch of dead letters, by row. */
export interface ReplayBatch extends PublishBatch {
  readonly replays: ReadonlyMap<number, Replay>;
}

/** Runs `decode` so that an old message does not change what is known of the device's firmware today. */
export function asOfOld<T>(binding: Binding, decode: () => T): T {
  const { route } = binding;
  const { fwVersion, fwBytes, schemaVersion } = route ?? {};
  const result = decode();
  if (route !== undefined) Object.assign(route, { fwVersion, fwBytes, schemaVersion });
  return result;
}

/** A replay that is refused again stays the dead letter that it is; no second one is written. */
export function refuseReplay(batch: Batch, row: number, replay: Replay, letter: PendingDeadLetter): void {
  replay.refusal = letter;
  batch.withdraw(row, RowState.handled);
}

/** Claims the number that the ledger holds as dead-lettered; undefined where the row is to be claimed as any other. */
export function claimReplay(batch: Batch, row: number): Claim | undefined {
  const number = batch.replays.get(row)?.number;
  if (number === undefined || number.seq !== batch.seq[row]) return undefined;
  return batch.changes.claimReplayed(batch.routes[row]!.ledger, number.epoch, number.seq, batch.ts[row]!);
}

/** Statements that settle the batch's replays in its own transaction: a letter is stored when its row is. */
export function replaySql(batch: Batch): string[] {
  const statements: string[] = [];
  for (const [row, replay] of batch.replays) {
    const { refusal } = replay;
    replay.outcome = outcomeOf(batch.state[row]!, refusal);
    const detail =
      refusal === undefined
        ? replay.outcome === 'refused'
          ? 'The device has too many holes in its numbers.'
          : ''
        : `${refusal.shownReason}: ${refusal.detail}`;
    statements.push(
      `SELECT settle_replay(${replay.tenantId}, ${replay.deadLetterId}, '${replay.outcome}', ${literal(replay.by)}, to_timestamp(${replay.at / 1000}), ${literal(detail)})`,
    );
  }
  return statements;
}

function outcomeOf(state: number, refusal: PendingDeadLetter | undefined): ReplayOutcome {
  if (refusal !== undefined || state === RowState.refused) return 'refused';
  return state === RowState.duplicate ? 'duplicate' : 'stored';
}

/** PostgreSQL's text cannot hold U+0000. */
function literal(text: string): string {
  return pg.escapeLiteral(text.replaceAll('\u0000', ''));
}
