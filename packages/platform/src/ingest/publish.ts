import type { Ledger } from '../ledger/ledger.js';
import { type Batch, RowState } from './batch.js';
import type { IngestCounts } from './ingress.js';

/** Takes committed batches. The batch is the listener's until it returns; whoever needs more copies it. */
export interface BatchListener {
  committed(batch: Batch): void;
}

/**
 * Stage publish: a committed batch becomes part of the ledger, is counted, and is shown to the listeners, in the
 * order of arrival. Listeners keep bounded state of their own and may lag; they cannot hold up acknowledgements.
 */
export function publish(
  batch: Batch,
  ledger: Ledger,
  listeners: readonly BatchListener[],
  counts: IngestCounts,
  byReason: Map<string, number>,
): void {
  for (let row = 0; row < batch.length; row++) {
    if (batch.state[row] === RowState.live) counts.stored++;
    else if (batch.state[row] === RowState.duplicate) counts.duplicates++;
  }
  counts.events += batch.events.length;
  for (const { shownReason } of batch.deadLetters.values()) {
    counts.deadLettered++;
    byReason.set(shownReason, (byReason.get(shownReason) ?? 0) + 1);
  }
  for (const listener of listeners) listener.committed(batch);
  ledger.decide(batch.changes.changes);
}
