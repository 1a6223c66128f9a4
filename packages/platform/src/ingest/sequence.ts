import { ReasonCode } from '@millrace/mqtt';
import { Fate } from '../ledger/numbering.js';
import { type Batch, RowState } from './batch.js';
import { putInt64 } from './copy-buffer.js';
import { claimReplay } from './replay.js';
import { epochValueOffset } from './table-layout.js';

/** What the stage saw, for the counters. */
export interface SequenceCounts {
  refused: number;
}

/**
 * Stages dedupe and sequence: every numbered row claims its number in the ledger. A number that has a fate already
 * makes the row a duplicate - of a reading or of a dead letter; a new one tells the row's numbering, which is patched
 * into the row's bytes. Rows without a number are left to `claimUnnumbered`.
 */
export function sequence(batch: Batch, counts: SequenceCounts): void {
  const { changes, state } = batch;
  for (let row = 0; row < batch.length; row++) {
    const seq = batch.seq[row]!;
    const route = batch.routes[row];
    if (seq === 0 || route === undefined || state[row]! > RowState.deadLetter) continue;
    const dead = state[row] === RowState.deadLetter;
    const claim =
      (batch.replays.size > 0 ? claimReplay(batch, row) : undefined) ??
      changes.claim(
        route.ledger,
        batch.epoch[row]!,
        seq,
        // A time that nobody believes must not decide which numbering the row belongs to.
        dead ? (route.ledger.latest?.newestTs ?? 0) : batch.ts[row]!,
        dead ? Fate.deadLettered : Fate.stored,
      );
    if (claim === 'new') {
      const epoch = changes.numbering!.epoch;
      batch.epoch[row] = epoch;
      if (!dead) putInt64(batch.tables[batch.table[row]!]!.view, batch.start[row]! + epochValueOffset, epoch);
    } else if (claim === 'duplicate') {
      batch.withdraw(row, RowState.duplicate);
      batch.deadLetters.delete(row);
    } else {
      counts.refused++;
      batch.withdraw(row, RowState.refused);
      batch.deadLetters.delete(row);
      refuse(batch, row);
    }
  }
}

function refuse(batch: Batch, row: number): void {
  for (const part of batch.parts)
    if (row >= part.from && row < part.from + part.publish.length)
      part.publish.reasonCodes[row - part.from] = ReasonCode.quotaExceeded;
}
