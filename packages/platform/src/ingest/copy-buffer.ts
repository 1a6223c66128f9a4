/** ms from 1970 to 2000-01-01 UTC, the epoch of PostgreSQL's binary timestamps. */
const postgresEpochMs = 946_684_800_000;

/** `PGCOPY\n\377\r\n\0`, flags and header extension length (PostgreSQL manual, COPY, binary format). */
const copyHeader = Buffer.from([
  0x50, 0x47, 0x43, 0x4f, 0x50, 0x59, 0x0a, 0xff, 0x0d, 0x0a, 0x00, 0, 0, 0, 0, 0, 0, 0, 0,
]);
/** The CopyData message's type and length stand before the COPY header, so one write sends everything. */
const rowsStart = 5 + copyHeader.length;
/** The trailer (-1 as int16) and the CopyDone message. */
const endLength = 2 + 5;

/**
 * Rows of one table in the binary COPY format, framed as one CopyData message of the PostgreSQL protocol. Writers
 * call `room` once a row and then write without further checks. Reused from batch to batch.
 */
export class CopyBuffer {
  bytes: Buffer;
  view: DataView;
  at = rowsStart;
  rows = 0;
  /** Days (since 1970 UTC) that the rows' times fall on. */
  readonly days = new Set<number>();
  #lastDay = Number.NaN;

  constructor(capacity = 64 * 1024) {
    this.bytes = Buffer.allocUnsafe(capacity);
    this.view = viewOf(this.bytes);
    this.reset();
  }

  reset(): void {
    this.at = rowsStart;
    this.rows = 0;
    this.days.clear();
    this.#lastDay = Number.NaN;
    this.bytes[0] = 0x64; // 'd', CopyData
    copyHeader.copy(this.bytes, 5);
  }

  /** Makes sure that `length` more bytes (and the end) fit. */
  room(length: number): void {
    const needed = this.at + length + endLength;
    if (needed <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(larger, 0, 0, this.at);
    this.bytes = larger;
    this.view = viewOf(larger);
  }

  /** Notes the day of a row, once for rows of the same day in a row. */
  noteDay(day: number): void {
    if (day === this.#lastDay) return;
    this.#lastDay = day;
    this.days.add(day);
  }

  int16(value: number): void {
    this.view.setInt16(this.at, value);
    this.at += 2;
  }

  nullField(): void {
    this.view.setInt32(this.at, -1);
    this.at += 4;
  }

  int16Field(value: number): void {
    this.view.setInt32(this.at, 2);
    this.view.setInt16(this.at + 4, value);
    this.at += 6;
  }

  int32Field(value: number): void {
    this.view.setInt32(this.at, 4);
    this.view.setInt32(this.at + 4, value);
    this.at += 8;
  }

  /** A whole number within +-2^53 as int8. */
  int64Field(value: number): void {
    this.view.setInt32(this.at, 8);
    putInt64(this.view, this.at + 4, value);
    this.at += 12;
  }

  float64Field(value: number): void {
    this.view.setInt32(this.at, 8);
    this.view.setFloat64(this.at + 4, value);
    this.at += 12;
  }

  booleanField(value: boolean): void {
    this.view.setInt32(this.at, 1);
    this.bytes[this.at + 4] = value ? 1 : 0;
    this.at += 5;
  }

  /** A time in ms since 1970 as timestamptz. */
  timeField(timeMs: number): void {
    this.view.setInt32(this.at, 8);
    putInt64(this.view, this.at + 4, Math.round((timeMs - postgresEpochMs) * 1000));
    this.at += 12;
  }

  /** Text; makes room by itself. PostgreSQL's text cannot hold U+0000, which is left out. */
  textField(text: string): void {
    const clean = text.includes('\0') ? text.replaceAll('\0', '') : text;
    this.room(4 + clean.length * 3);
    const length = this.bytes.write(clean, this.at + 4, 'utf8');
    this.view.setInt32(this.at, length);
    this.at += 4 + length;
  }

  /** A jsonb value: the binary form is a version byte (1) and the text. */
  jsonbField(json: string): void {
    this.room(5 + json.length * 3);
    this.bytes[this.at + 4] = 1;
    const length = this.bytes.write(json, this.at + 5, 'utf8');
    this.view.setInt32(this.at, length + 1);
    this.at += 5 + length;
  }

  bytesField(source: Uint8Array): void {
    this.room(4 + source.length);
    this.view.setInt32(this.at, source.length);
    this.bytes.set(source, this.at + 4);
    this.at += 4 + source.length;
  }

  /** Closes the COPY and returns the bytes to write: CopyData with everything, then CopyDone. */
  finish(): Buffer {
    this.room(0);
    let end = this.at;
    this.view.setInt16(end, -1);
    end += 2;
    this.view.setInt32(1, end - 1);
    this.bytes[end] = 0x63; // 'c', CopyDone
    this.view.setInt32(end + 1, 4);
    return this.bytes.subarray(0, end + 5);
  }
}

/** Writes a whole number within +-2^53 as a big-endian int64. */
export function putInt64(view: DataView, at: number, value: number): void {
  const high = Math.floor(value / 2 ** 32);
  view.setInt32(at, high);
  view.setUint32(at + 4, value - high * 2 ** 32);
}

/** Reads what `putInt64` wrote. */
export function readInt64(view: DataView, at: number): number {
  return view.getInt32(at) * 2 ** 32 + view.getUint32(at + 4);
}

/** Reads a timestamptz as ms since 1970. */
export function readTime(view: DataView, at: number): number {
  return readInt64(view, at) / 1000 + postgresEpochMs;
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
