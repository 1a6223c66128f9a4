import { payloadBytesMax } from '@millrace/contracts';
import { type Batch, type PendingDeadLetter, RowState } from './batch.js';
import type { Binding } from './route.js';
import type { TableLayout } from './table-layout.js';

/** What is kept of a payload above the limit. */
const keptBytesMax = 64 * 1024;

/** Writes the batch's dead letters into their COPY buffer. Safe to repeat: the buffer is begun anew. */
export function writeDeadLetters(batch: Batch, layout: TableLayout): void {
  const out = batch.tables[layout.index]!;
  if (out.rows > 0) out.reset();
  if (batch.deadLetters.size === 0) return;
  for (const part of batch.parts) {
    const { publish, from } = part;
    for (let i = 0; i < publish.length; i++) {
      const row = from + i;
      if (batch.state[row] !== RowState.deadLetter) continue;
      const letter = batch.deadLetters.get(row);
      if (letter === undefined) continue;
      const payload = publish.bytes.subarray(publish.start[i]!, publish.end[i]!);
      writeLetter(
        batch,
        row,
        letter,
        publish.bindings[i] as Binding,
        payload,
        publish.contentTypes.get(i),
        layout,
      );
    }
  }
}

function writeLetter(
  batch: Batch,
  row: number,
  letter: PendingDeadLetter,
  binding: Binding,
  payload: Buffer,
  contentType: string | undefined,
  layout: TableLayout,
): void {
  const out = batch.tables[layout.index]!;
  const optionalText = (text: string | undefined) => {
    if (text === undefined) out.nullField();
    else out.textField(text);
    out.room(64);
  };
  out.room(256);
  out.int16(layout.fieldCount);
  out.int32Field(binding.tenantId);
  const route = batch.routes[row];
  if (route === undefined) out.nullField();
  else out.int32Field(route.entry.deviceNo);
  out.timeField(batch.receivedAt[row]!);
  optionalText(binding.clientId);
  optionalText(binding.topic);
  optionalText(letter.reason);
  optionalText(letter.shownReason);
  optionalText(letter.detail);
  optionalText(letter.schemaVersion);
  const seq = batch.seq[row]!;
  if (seq > 0) {
    out.int64Field(batch.epoch[row]!);
    out.int64Field(seq);
  } else {
    out.nullField();
    out.nullField();
  }
  optionalText(contentType);
  out.int32Field(payload.length);
  out.bytesField(payload.length > payloadBytesMax ? payload.subarray(0, keptBytesMax) : payload);
  out.rows++;
}
