import { errorMessage } from '@millrace/foundation';
import type pg from 'pg';
import { type Batch, RowState } from './batch.js';
import { CopyBuffer } from './copy-buffer.js';
import { CopyTransaction } from './copy-transaction.js';
import { refuseReplay } from './replay.js';
import type { Layouts } from './table-layout.js';
import { deadLetter } from './verdict.js';

/**
 * Finds the rows that the database refuses, by offering each live row alone in a transaction that is rolled back,
 * and makes them dead letters, so that one row never holds up the rows around it. Returns how many were found.
 */
export async function isolatePoison(client: pg.Client, batch: Batch, layouts: Layouts): Promise<number> {
  let found = 0;
  for (let row = 0; row < batch.length; row++) {
    if (batch.state[row] !== RowState.live) continue;
    const refusal = await offer(client, batch, row, layouts);
    if (refusal === undefined) continue;
    found++;
    const seq = batch.seq[row]!;
    if (seq > 0) batch.changes.turnDead(batch.routes[row]!.ledger, batch.epoch[row]!, seq);
    const letter = deadLetter('schema_violation', `The database refused it: ${refusal}`);
    const replay = batch.replays.get(row);
    if (replay !== undefined) refuseReplay(batch, row, replay, letter);
    else {
      batch.deadLetters.set(row, letter);
      batch.withdraw(row, RowState.deadLetter);
    }
  }
  return found;
}

async function offer(
  client: pg.Client,
  batch: Batch,
  row: number,
  layouts: Layouts,
): Promise<string | undefined> {
  const ranges: [number, number, number][] = [[batch.table[row]!, batch.start[row]!, batch.end[row]!]];
  if (batch.extraEnd[row]! > batch.extraStart[row]!)
    ranges.push([layouts.extra.index, batch.extraStart[row]!, batch.extraEnd[row]!]);
  await client.query('BEGIN');
  try {
    for (const [table, start, end] of ranges) {
      const single = new CopyBuffer(end - start + 64);
      single.room(end - start);
      batch.tables[table]!.bytes.copy(single.bytes, single.at, start, end);
      single.at += end - start;
      await new Promise<void>((resolve, reject) => {
        client.query(new CopyTransaction(layouts.all[table]!.copySql, [single.finish()], resolve, reject));
      });
    }
    return undefined;
  } catch (error) {
    if (!/^(22|23)/.test((error as { code?: string }).code ?? '')) throw error;
    return errorMessage(error);
  } finally {
    await client.query('ROLLBACK');
  }
}
