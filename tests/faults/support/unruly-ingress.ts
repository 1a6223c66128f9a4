import type { Clock, Random } from '@millrace/foundation';
import type { Ingress, IngressBinding, Principal, PublishBatch } from '@millrace/mqtt';

interface Bound {
  readonly inner: IngressBinding;
  readonly principal: Principal;
  readonly topic: string;
}

/** A message as it came by, to be delivered once more. */
interface Seen {
  readonly principal: Principal;
  readonly topic: string;
  readonly payload: Buffer;
  readonly contentType: string | undefined;
}

/** What the hops before ingestion do to messages; one for a seed, over every restart of the platform. */
export class Disorder {
  /** Chance that a batch is preceded by a storm of messages that came by earlier. */
  stormChance = 0;
  /** Longest time for which a batch is held back, so that later ones overtake it, ms. */
  holdMs = 0;
  readonly seen: Seen[] = [];
  delivered = 0;
  repeated = 0;

  constructor(readonly random: Random) {}

  note(row: Seen): void {
    this.delivered++;
    if (this.seen.length < 400) this.seen.push(row);
    else this.seen[this.random.int(400)] = row;
  }
}

/** How a broken ingestion behaves, for tests of the checker. */
export type Sabotage = 'none' | 'acknowledges_early' | 'swallows';

/** In front of the real ingress: repeats and reorders what the broker hands over, as redelivery from any hop does. */
export class UnrulyIngress implements Ingress {
  readonly #inner: Ingress;
  readonly #disorder: Disorder;
  readonly #clock: Clock;
  readonly #sabotage: Sabotage;

  constructor(inner: Ingress, disorder: Disorder, clock: Clock, sabotage: Sabotage) {
    this.#inner = inner;
    this.#disorder = disorder;
    this.#clock = clock;
    this.#sabotage = sabotage;
  }

  get saturated(): boolean {
    return this.#inner.saturated;
  }

  onDrain(listener: () => void): void {
    this.#inner.onDrain(listener);
  }

  bind(principal: Principal, topic: string): IngressBinding | undefined {
    const inner = this.#inner.bind(principal, topic);
    return inner === undefined ? undefined : ({ inner, principal, topic } satisfies Bound);
  }

  submit(batch: PublishBatch, settle: () => void): void {
    const { random, stormChance, holdMs } = this.#disorder;
    const rows = rowsOf(batch);
    if (random.next() < stormChance) this.#storm();
    for (const row of rows) this.#disorder.note(row);
    if (this.#sabotage === 'swallows' && random.next() < 0.05) {
      batch.reasonCodes.fill(0, 0, batch.length);
      settle();
      return;
    }
    const copy = rebuilt(
      rows,
      batch.bindings.slice(0, batch.length).map((binding) => (binding as Bound).inner),
      batch,
    );
    const early = this.#sabotage === 'acknowledges_early';
    const done = () => {
      if (early) return;
      batch.reasonCodes.set(copy.reasonCodes.subarray(0, copy.length));
      settle();
    };
    if (early) {
      batch.reasonCodes.fill(0, 0, batch.length);
      settle();
    }
    if (holdMs === 0) this.#inner.submit(copy, done);
    else this.#clock.after(random.int(holdMs), () => this.#inner.submit(copy, done));
  }

  #storm(): void {
    const { seen, random } = this.#disorder;
    const rows: Seen[] = [];
    for (let i = 0; i < 50 && seen.length > 0; i++) rows.push(seen[random.int(seen.length)]!);
    const bound = rows.flatMap((row) => {
      const inner = this.#inner.bind(row.principal, row.topic);
      return inner === undefined ? [] : [{ row, inner }];
    });
    if (bound.length === 0) return;
    this.#disorder.repeated += bound.length;
    this.#inner.submit(
      rebuilt(
        bound.map(({ row }) => row),
        bound.map(({ inner }) => inner),
        undefined,
        this.#clock.nowMs(),
      ),
      () => {},
    );
  }
}

function rowsOf(batch: PublishBatch): Seen[] {
  return Array.from({ length: batch.length }, (_, i) => {
    const { principal, topic } = batch.bindings[i] as Bound;
    const payload = Buffer.from(batch.bytes.subarray(batch.start[i], batch.end[i]));
    return { principal, topic, payload, contentType: batch.contentTypes.get(i) };
  });
}

function rebuilt(
  rows: readonly Seen[],
  bindings: IngressBinding[],
  like: PublishBatch | undefined,
  nowMs = 0,
): PublishBatch {
  const batch: PublishBatch = {
    length: rows.length,
    bindings,
    bytes: Buffer.concat(rows.map((row) => row.payload)),
    start: new Uint32Array(rows.length),
    end: new Uint32Array(rows.length),
    qos: new Uint8Array(rows.length).fill(1),
    dup: new Uint8Array(rows.length).fill(like ? 0 : 1),
    contentTypes: new Map(),
    receivedAtMs: like ? like.receivedAtMs.slice(0, rows.length) : new Float64Array(rows.length).fill(nowMs),
    reasonCodes: new Uint8Array(rows.length).fill(0xff),
  };
  let at = 0;
  rows.forEach((row, i) => {
    batch.start[i] = at;
    at += row.payload.length;
    batch.end[i] = at;
    if (row.contentType !== undefined) batch.contentTypes.set(i, row.contentType);
  });
  return batch;
}
