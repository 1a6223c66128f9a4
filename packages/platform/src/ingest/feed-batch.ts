import type { IngressBinding, PublishBatch } from '@millrace/mqtt';

/** A record on its way into the river. */
export interface FeedRow {
  readonly binding: IngressBinding;
  readonly payload: Buffer;
  readonly contentType: string | undefined;
  readonly receivedAtMs: number;
}

/** Records as the PUBLISH batch that the broker would have made of them. */
export function feedBatch(rows: readonly FeedRow[]): PublishBatch {
  const start = new Uint32Array(rows.length);
  const end = new Uint32Array(rows.length);
  const contentTypes = new Map<number, string>();
  let at = 0;
  rows.forEach((row, i) => {
    start[i] = at;
    at += row.payload.length;
    end[i] = at;
    if (row.contentType !== undefined) contentTypes.set(i, row.contentType);
  });
  return {
    length: rows.length,
    bindings: rows.map((row) => row.binding),
    bytes: Buffer.concat(rows.map((row) => row.payload)),
    start,
    end,
    qos: new Uint8Array(rows.length).fill(1),
    dup: new Uint8Array(rows.length),
    contentTypes,
    receivedAtMs: Float64Array.from(rows, (row) => row.receivedAtMs),
    reasonCodes: new Uint8Array(rows.length),
  };
}
