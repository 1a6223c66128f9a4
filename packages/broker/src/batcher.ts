import type { Clock, Timer } from '@millrace/foundation';
import type { Ingress, IngressBinding, PublishBatch } from '@millrace/mqtt';

/** Whoever must be answered when a row's fate is known. */
export interface RowOwner {
  /** Called once a row after the batch settled; answers are collected and leave by `flushAnswers`. */
  answer(qos: number, packetId: number, reasonCode: number): void;
  flushAnswers(): void;
}

export interface BatcherOptions {
  readonly ingress: Ingress;
  readonly clock: Clock;
  /** Rows after which a batch is handed over at once. */
  readonly rowsMax?: number;
  /** Payload bytes after which a batch is handed over at once. */
  readonly bytesMax?: number;
  /** Longest time a row waits for company, ms. */
  readonly lingerMs?: number;
}

interface PooledBatch extends PublishBatch {
  readonly owners: RowOwner[];
  readonly packetIds: Uint16Array;
  used: number;
}

/** Collects the PUBLISH packets of all connections into batches, and the answers of a batch into one write a socket. */
export class Batcher {
  readonly #ingress: Ingress;
  readonly #clock: Clock;
  readonly #rowsMax: number;
  readonly #bytesMax: number;
  readonly #lingerMs: number;
  readonly #pool: PooledBatch[] = [];
  #current: PooledBatch | undefined;
  #timer: Timer | undefined;
  #outstanding = 0;
  #idle: (() => void)[] = [];

  constructor(options: BatcherOptions) {
    this.#ingress = options.ingress;
    this.#clock = options.clock;
    this.#rowsMax = options.rowsMax ?? 2000;
    this.#bytesMax = options.bytesMax ?? 1 << 20;
    this.#lingerMs = options.lingerMs ?? 2;
  }

  /** Batches handed over and not settled. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /** Copies one PUBLISH in. The payload's buffer is free when this returns. */
  add(
    owner: RowOwner,
    binding: IngressBinding,
    source: Buffer,
    payloadStart: number,
    payloadEnd: number,
    qos: number,
    dup: boolean,
    packetId: number,
    contentType: string | undefined,
  ): void {
    const batch = this.#batchFor(payloadEnd - payloadStart);
    const row = batch.length++;
    batch.owners[row] = owner;
    batch.bindings[row] = binding;
    batch.packetIds[row] = packetId;
    batch.qos[row] = qos;
    batch.dup[row] = dup ? 1 : 0;
    batch.reasonCodes[row] = 0;
    batch.receivedAtMs[row] = this.#clock.nowMs();
    batch.start[row] = batch.used;
    batch.used += source.copy(batch.bytes, batch.used, payloadStart, payloadEnd);
    batch.end[row] = batch.used;
    if (contentType !== undefined) batch.contentTypes.set(row, contentType);
    if (batch.length >= this.#rowsMax || batch.used >= this.#bytesMax) this.flush();
  }

  /** Hands over what has been collected. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const batch = this.#current;
    if (!batch) return;
    this.#current = undefined;
    this.#outstanding++;
    this.#ingress.submit(batch, () => this.#settle(batch));
  }

  /** Resolves when every batch handed over has settled. */
  drained(): Promise<void> {
    this.flush();
    if (this.#outstanding === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #batchFor(payloadBytes: number): PooledBatch {
    let batch = this.#current;
    if (batch && batch.used + payloadBytes > batch.bytes.length) {
      this.flush();
      batch = undefined;
    }
    if (batch) return batch;
    batch = this.#pool.pop() ?? this.#create();
    // A payload larger than the pooled buffer gets a buffer of its own size; the pool drops it afterwards.
    if (payloadBytes > batch.bytes.length) batch.bytes = Buffer.allocUnsafe(payloadBytes);
    batch.length = 0;
    batch.used = 0;
    batch.contentTypes.clear();
    this.#current = batch;
    this.#timer = this.#clock.after(this.#lingerMs, () => this.flush());
    return batch;
  }

  #create(): PooledBatch {
    const rows = this.#rowsMax;
    return {
      length: 0,
      bindings: [],
      bytes: Buffer.allocUnsafe(this.#bytesMax + 65_536),
      start: new Uint32Array(rows),
      end: new Uint32Array(rows),
      qos: new Uint8Array(rows),
      dup: new Uint8Array(rows),
      contentTypes: new Map(),
      receivedAtMs: new Float64Array(rows),
      reasonCodes: new Uint8Array(rows),
      owners: [],
      packetIds: new Uint16Array(rows),
      used: 0,
    };
  }

  #settle(batch: PooledBatch): void {
    const touched = new Set<RowOwner>();
    for (let row = 0; row < batch.length; row++) {
      const qos = batch.qos[row]!;
      if (qos === 0) continue;
      const owner = batch.owners[row]!;
      owner.answer(qos, batch.packetIds[row]!, batch.reasonCodes[row]!);
      touched.add(owner);
    }
    for (const owner of touched) owner.flushAnswers();
    batch.owners.length = 0;
    batch.bindings.length = 0;
    if (batch.bytes.length <= this.#bytesMax + 65_536 && this.#pool.length < 64) this.#pool.push(batch);
    this.#outstanding--;
    if (this.#outstanding === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }
}
