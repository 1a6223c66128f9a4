import { type Batch, RowState } from './batch.js';

/**
 * Closes the holes that withdrawn rows left in the COPY buffers, so that only live rows are sent. Rows lie in the
 * buffers in the order of the batch, which makes this one pass of moves towards the front. Safe to repeat: ranges
 * are kept current, and a withdrawn row's range is empty afterwards.
 */
export function compact(batch: Batch): void {
  if (batch.withdrawn === 0) return;
  batch.withdrawn = 0;
  const cursors = new Map<number, number>();
  for (let row = 0; row < batch.length; row++) {
    if (batch.end[row]! > batch.start[row]!)
      move(batch, row, batch.table[row]!, batch.start, batch.end, cursors, 1);
    // The table of extra tags is always the first one.
    if (batch.extraEnd[row]! > batch.extraStart[row]!)
      move(batch, row, 0, batch.extraStart, batch.extraEnd, cursors, undefined);
  }
  for (const [table, cursor] of cursors) batch.tables[table]!.at = cursor;
}

function move(
  batch: Batch,
  row: number,
  tableIndex: number,
  starts: Uint32Array,
  ends: Uint32Array,
  cursors: Map<number, number>,
  rowsGone: number | undefined,
): void {
  const table = batch.tables[tableIndex]!;
  const start = starts[row]!;
  const end = ends[row]!;
  const cursor = cursors.get(tableIndex) ?? start;
  if (batch.state[row] === RowState.live) {
    if (cursor !== start) table.bytes.copyWithin(cursor, start, end);
    starts[row] = cursor;
    ends[row] = cursor + end - start;
    cursors.set(tableIndex, cursor + end - start);
  } else {
    ends[row] = start;
    table.rows -= rowsGone ?? extraRows(table.view, start, end);
    cursors.set(tableIndex, cursor);
  }
}

/** Counts the binary rows of a range by walking their fields. */
function extraRows(view: DataView, start: number, end: number): number {
  let rows = 0;
  for (let at = start; at < end; rows++) {
    const fields = view.getInt16(at);
    at += 2;
    for (let i = 0; i < fields; i++) at += 4 + Math.max(0, view.getInt32(at));
  }
  return rows;
}
