import { qualityStatus, type TagValue } from '@millrace/contracts';
import type { Batch } from '../ingest/batch.js';
import { readInt64, readTime } from '../ingest/copy-buffer.js';
import { Kind } from '../ingest/row-scratch.js';
import type { TableLayout } from '../ingest/table-layout.js';

/** A tag's last-known value; times in ms. */
export interface LiveValue {
  readonly tag: string;
  readonly v: TagValue;
  readonly q: number;
  readonly ts: number;
  readonly sourceTs: number | null;
  readonly receivedAt: number;
}

/** What the database keeps of a device between starts. */
export interface StoredLiveDevice {
  readonly lastSeen: number;
  readonly lastTs: number;
  readonly fwVersion: string | null;
  readonly schemaVersion: string | null;
  readonly online: boolean | null;
  readonly onlineReason: string | null;
  readonly onlineAt: number;
  readonly values: readonly LiveValue[];
}

/** The last-known values of one device, a column a tag, in typed arrays. */
export class LiveDevice {
  /** When the platform last received a reading of it, ms; 0 = never. */
  lastSeen = 0;
  /** The newest time stamp of a reading, ms. */
  lastTs = 0;
  fwVersion: string | undefined;
  schemaVersion: string | undefined;
  /** What the device (or its will) last said of its connection. */
  online: boolean | undefined;
  onlineReason: string | undefined;
  onlineAt = 0;
  readonly #kind: Uint8Array;
  readonly #value: Float64Array;
  readonly #text: (string | undefined)[] = [];
  readonly #q: Int16Array;
  readonly #ts: Float64Array;
  readonly #sourceTs: Float64Array;
  readonly #receivedAt: Float64Array;
  /** 1 where the tag changed since the last `takeChanged`. */
  readonly #changed: Uint8Array;
  #badSince: number | undefined;

  constructor(
    readonly deviceNo: number,
    readonly tenantId: number,
    readonly layout: TableLayout,
  ) {
    const count = layout.columns.length;
    this.#kind = new Uint8Array(count);
    this.#value = new Float64Array(count);
    this.#q = new Int16Array(count);
    this.#ts = new Float64Array(count);
    this.#sourceTs = new Float64Array(count);
    this.#receivedAt = new Float64Array(count);
    this.#changed = new Uint8Array(count);
  }

  /** Takes a stored row from its bytes in the COPY buffer. Returns how many tags it reported. */
  take(batch: Batch, row: number): number {
    const { view, bytes } = batch.tables[this.layout.index]!;
    const ts = batch.ts[row]!;
    const receivedAt = batch.receivedAt[row]!;
    if (receivedAt > this.lastSeen) this.lastSeen = receivedAt;
    if (ts > this.lastTs) this.lastTs = ts;
    // tenant_id, device_no, ts, received_at have fixed widths; epoch, seq and msg_id may be null.
    let at = batch.start[row]! + 2 + 8 + 8 + 12 + 12;
    for (let i = 0; i < 3; i++) at += 4 + Math.max(0, view.getInt32(at));
    const sourceTs = view.getInt32(at) < 0 ? -1 : readTime(view, at + 4);
    at += 4 + Math.max(0, view.getInt32(at));
    const { columns } = this.layout;
    const valuesAt = at;
    for (let i = 0; i < columns.length; i++) at += 4 + Math.max(0, view.getInt32(at));
    let reported = 0;
    let sawBad = false;
    let valueAt = valuesAt;
    for (let i = 0; i < columns.length; i++) {
      const length = view.getInt32(valueAt);
      const hasQuality = view.getInt32(at) > 0;
      if (hasQuality) {
        reported++;
        sawBad ||= view.getInt16(at + 4) < 64;
        if (ts >= this.#ts[i]!) {
          this.#q[i] = view.getInt16(at + 4);
          this.#stamp(i, ts, receivedAt, sourceTs);
          this.#read(i, view, bytes, valueAt + 4, length);
        }
      }
      at += hasQuality ? 6 : 4;
      valueAt += 4 + Math.max(0, length);
    }
    // A bad tag is repeated for liveness, so its own time stamp does not say when the trouble began.
    if (sawBad || this.#badSince !== undefined) this.#badSince = this.allBad()?.since;
    return reported;
  }

  /** Since when (ms) every reported tag has been bad, and the worst code; undefined while any tag is usable. */
  allBad(): { readonly since: number; readonly q: number } | undefined {
    let worst = 255;
    let oldest = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.#kind.length; i++) {
      if (this.#kind[i] === Kind.absent) continue;
      if (qualityStatus(this.#q[i]!) !== 'bad') return undefined;
      worst = Math.min(worst, this.#q[i]!);
      oldest = Math.min(oldest, this.#ts[i]!);
    }
    return worst === 255 ? undefined : { since: this.#badSince ?? oldest, q: worst };
  }

  values(): LiveValue[] {
    return this.layout.columns.flatMap((column, i) =>
      this.#kind[i] === Kind.absent ? [] : [this.#valueAt(i, column.tag.name)],
    );
  }

  /** The tags that changed since the last call. */
  takeChanged(): Record<string, { v: TagValue; q: number }> {
    const changed: Record<string, { v: TagValue; q: number }> = {};
    this.layout.columns.forEach((column, i) => {
      if (this.#changed[i] === 0) return;
      this.#changed[i] = 0;
      const { v, q } = this.#valueAt(i, column.tag.name);
      changed[column.tag.name] = { v, q };
    });
    return changed;
  }

  /** Takes values as the database gives them: at the start, from the checkpoint and from newer rows. */
  restoreValue(tag: string, value: Omit<LiveValue, 'tag'>): void {
    const i = this.layout.columns.findIndex((column) => column.tag.name === tag);
    if (i < 0 || value.ts < this.#ts[i]!) return;
    this.#q[i] = value.q;
    this.#stamp(i, value.ts, value.receivedAt, value.sourceTs ?? -1);
    const { v } = value;
    if (v === null) this.#kind[i] = Kind.none;
    else if (typeof v === 'string') {
      this.#kind[i] = Kind.text;
      this.#text[i] = v;
    } else {
      this.#kind[i] = typeof v === 'boolean' ? Kind.boolean : Kind.number;
      this.#value[i] = Number(v);
    }
  }

  toStored(): StoredLiveDevice {
    return {
      lastSeen: this.lastSeen,
      lastTs: this.lastTs,
      fwVersion: this.fwVersion ?? null,
      schemaVersion: this.schemaVersion ?? null,
      online: this.online ?? null,
      onlineReason: this.onlineReason ?? null,
      onlineAt: this.onlineAt,
      values: this.values(),
    };
  }

  restore(stored: StoredLiveDevice): void {
    this.lastSeen = stored.lastSeen;
    this.lastTs = stored.lastTs;
    this.fwVersion = stored.fwVersion ?? undefined;
    this.schemaVersion = stored.schemaVersion ?? undefined;
    this.online = stored.online ?? undefined;
    this.onlineReason = stored.onlineReason ?? undefined;
    this.onlineAt = stored.onlineAt;
    for (const value of stored.values) this.restoreValue(value.tag, value);
    this.#changed.fill(0);
  }

  #stamp(i: number, ts: number, receivedAt: number, sourceTs: number): void {
    this.#ts[i] = ts;
    this.#receivedAt[i] = receivedAt;
    this.#sourceTs[i] = sourceTs;
    this.#changed[i] = 1;
  }

  #read(i: number, view: DataView, bytes: Buffer, at: number, length: number): void {
    if (length < 0) {
      this.#kind[i] = Kind.none;
      return;
    }
    this.#kind[i] = Kind.number;
    switch (this.layout.columns[i]!.tag.type) {
      case 'float64':
        this.#value[i] = view.getFloat64(at);
        break;
      case 'int32':
        this.#value[i] = view.getInt32(at);
        break;
      case 'int64':
        this.#value[i] = readInt64(view, at);
        break;
      case 'boolean':
        this.#kind[i] = Kind.boolean;
        this.#value[i] = bytes[at]!;
        break;
      case 'string':
        this.#kind[i] = Kind.text;
        this.#text[i] = bytes.toString('utf8', at, at + length);
        break;
    }
  }

  #valueAt(i: number, tag: string): LiveValue {
    const kind = this.#kind[i];
    const number = this.#value[i]!;
    const v =
      kind === Kind.number
        ? number
        : kind === Kind.boolean
          ? number !== 0
          : kind === Kind.text
            ? (this.#text[i] ?? '')
            : null;
    return {
      tag,
      v,
      q: this.#q[i]!,
      ts: this.#ts[i]!,
      sourceTs: this.#sourceTs[i]! < 0 ? null : this.#sourceTs[i]!,
      receivedAt: this.#receivedAt[i]!,
    };
  }
}
