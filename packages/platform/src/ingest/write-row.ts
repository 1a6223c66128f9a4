import type { Batch } from './batch.js';
import type { CopyBuffer } from './copy-buffer.js';
import { dayMs } from './partitions.js';
import type { DeviceRoute } from './route.js';
import { Kind, type RowScratch } from './row-scratch.js';
import type { Layouts, TableLayout } from './table-layout.js';

/** Bytes of the fixed columns, with every one of them present. */
const headerBytes = 2 + 8 + 8 + 12 + 12 + 12 + 12 + 20 + 12;
const bytesPerTag = 12 + 6;

/** Writes the decoded message as a row of its table's COPY buffer and notes its place in the batch. */
export function writeRow(
  batch: Batch,
  row: number,
  route: DeviceRoute,
  scratch: RowScratch,
  layouts: Layouts,
): void {
  const { layout } = route.type;
  const out = batch.tables[layout.index]!;
  out.room(headerBytes + layout.columns.length * bytesPerTag);
  batch.table[row] = layout.index;
  batch.start[row] = out.at;
  writeHeader(out, route, scratch, batch.receivedAt[row]!, layout);
  for (let i = 0; i < layout.columns.length; i++) writeValue(out, layout, scratch, i);
  out.room(layout.columns.length * 6);
  for (let i = 0; i < layout.columns.length; i++) {
    if (scratch.kind[i] === Kind.absent) out.nullField();
    else out.int16Field(scratch.q[i]!);
  }
  batch.end[row] = out.at;
  out.rows++;
  out.noteDay(Math.floor(scratch.ts / dayMs));
  batch.extraStart[row] = 0;
  batch.extraEnd[row] = 0;
  if (scratch.extras.length > 0) writeExtras(batch, row, route, scratch, layouts.extra);
}

function writeHeader(
  out: CopyBuffer,
  route: DeviceRoute,
  scratch: RowScratch,
  receivedAt: number,
  layout: TableLayout,
): void {
  out.int16(layout.fieldCount);
  out.int32Field(route.entry.tenantId);
  out.int32Field(route.entry.deviceNo);
  out.timeField(scratch.ts);
  out.timeField(receivedAt);
  // The epoch of a numbered row is patched by the sequence stage, which knows restarts.
  if (scratch.seq > 0) {
    out.int64Field(scratch.epoch);
    out.int64Field(scratch.seq);
  } else {
    out.nullField();
    out.nullField();
  }
  if (scratch.hasMsgId) {
    out.view.setInt32(out.at, 16);
    out.bytes.set(scratch.msgId, out.at + 4);
    out.at += 20;
  } else out.nullField();
  if (scratch.sourceTs >= 0) out.timeField(scratch.sourceTs);
  else out.nullField();
}

function writeValue(out: CopyBuffer, layout: TableLayout, scratch: RowScratch, i: number): void {
  const kind = scratch.kind[i]!;
  if (kind === Kind.absent || kind === Kind.none) {
    out.nullField();
    return;
  }
  switch (layout.columns[i]!.tag.type) {
    case 'float64':
      out.float64Field(scratch.value[i]!);
      break;
    case 'int32':
      out.int32Field(scratch.value[i]!);
      break;
    case 'int64':
      out.int64Field(scratch.value[i]!);
      break;
    case 'boolean':
      out.booleanField(scratch.value[i] !== 0);
      break;
    case 'string':
      out.textField(scratch.text[i]!);
      out.room((layout.columns.length - i) * bytesPerTag);
      break;
  }
}

function writeExtras(
  batch: Batch,
  row: number,
  route: DeviceRoute,
  scratch: RowScratch,
  layout: TableLayout,
): void {
  const out = batch.tables[layout.index]!;
  batch.extraStart[row] = out.at;
  for (const { tag, json, q } of scratch.extras) {
    out.room(64);
    out.int16(layout.fieldCount);
    out.int32Field(route.entry.tenantId);
    out.int32Field(route.entry.deviceNo);
    out.timeField(scratch.ts);
    if (scratch.seq > 0) out.int64Field(scratch.seq);
    else out.nullField();
    out.textField(tag);
    out.jsonbField(json);
    out.room(16);
    if (q >= 0) out.int16Field(q);
    else out.nullField();
    out.rows++;
  }
  out.noteDay(Math.floor(scratch.ts / dayMs));
  batch.extraEnd[row] = out.at;
}
