import { type Clock, errorMessage, type Logger, sleep, type Timer } from '@millrace/foundation';
import type { IngressBinding } from '@millrace/mqtt';
import type { Consumer, Message, MessagesStream } from '@platformatic/kafka';
import type { DeviceDirectory } from '../../../ingest/device-directory.js';
import { type FeedRow, feedBatch } from '../../../ingest/feed-batch.js';
import { partitionOf } from '../../../ingest/partition-of.js';
import type { BusOptions, BusSink } from '../bus.js';
import type { KafkaIngress } from './producer.js';
import { feedTopics } from './topics.js';

/** Records given to the river and not yet committed, above which no more are fetched, and below which they are. */
const inFlightMax = 20_000;
const inFlightLow = 10_000;
const batchRowsMax = 2_000;
const commitPeriodMs = 250;
const retryDelayMs = 1_000;
/** Connection-and-topic pairs that are kept; far above the devices of one process. */
const bindingsMax = 200_000;

type Record = Message<Buffer, Buffer, string, Buffer>;
type Stream = MessagesStream<Buffer, Buffer, string, Buffer>;

/** Records of one hand-over to the river. They are done in the order in which they came. */
interface Chunk {
  readonly offsets: ReadonlyMap<string, { topic: string; partition: number; offset: bigint }>;
  done: boolean;
}

/**
 * The back of the Kafka bus: a member of the consumer group. Between two assignments lies one tenure: partitions are
 * owned, then records are read from the committed offsets, and given back at the next rebalance.
 */
export class KafkaFeed {
  readonly #options: BusOptions;
  readonly #sink: BusSink;
  readonly #consumer: Consumer<Buffer, Buffer, string, Buffer>;
  readonly #rerouter: KafkaIngress;
  readonly #count: number;
  /** Assignments and rebalances one after another, whatever Kafka says meanwhile. */
  #steps: Promise<void> = Promise.resolve();
  /** Rises with everything that ends a tenure; what belongs to an older one is dropped. */
  #tenure = 0;
  #stream: Stream | undefined;
  #pending: Record[] = [];
  #chunks: Chunk[] = [];
  #inFlight = 0;
  readonly #bindings = new Map<string, IngressBinding>();
  readonly #committable = new Map<string, { topic: string; partition: number; offset: bigint }>();
  #timer: Timer | undefined;
  readonly #stopped = new AbortController();
  readonly counts = { consumed: 0, rerouted: 0, unroutable: 0, offset_commits: 0, tenures: 0, partitions: 0 };

  constructor(
    options: BusOptions & { sink: BusSink },
    consumer: Consumer<Buffer, Buffer, string, Buffer>,
    rerouter: KafkaIngress,
    count: number,
  ) {
    this.#options = options;
    this.#sink = options.sink;
    this.#consumer = consumer;
    this.#rerouter = rerouter;
    this.#count = count;
  }

  get #clock(): Clock {
    return this.#options.clock;
  }

  get #logger(): Logger {
    return this.#options.logger;
  }

  get #directory(): DeviceDirectory {
    return this.#options.directory;
  }

  async start(): Promise<void> {
    const consumer = this.#consumer;
    consumer.topics.trackAll(...feedTopics);
    consumer.on('consumer:group:rebalance', () => this.#step(() => this.#end()));
    consumer.on('consumer:group:join', ({ assignments }) => {
      const partitions = new Set((assignments ?? []).flatMap((each) => each.partitions));
      const tenure = ++this.#tenure;
      this.#step(() =>
        this.#begin(
          tenure,
          [...partitions].sort((a, b) => a - b),
        ),
      );
    });
    consumer.on('error', (error: Error) => this.#rejoin(`Kafka's consumer group failed: ${error.message}`));
    this.#sink.onOwnershipLost = () => this.#rejoin('Partitions were taken over by another process');
    this.#timer = this.#clock.every(commitPeriodMs, () => void this.#commitOffsets());
    await consumer.joinGroup({});
  }

  /** Gives partitions back first, so that others have them at once. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#timer?.cancel();
    this.#step(() => this.#end());
    await this.#steps;
    await this.#leave();
  }

  /** Best effort: who cannot say goodbye is missed after the session's time. */
  #leave(): Promise<void> {
    return new Promise((done) => this.#consumer.leaveGroup(true, () => done()));
  }

  #step(work: () => Promise<void>): void {
    this.#steps = this.#steps.then(work).catch((error: Error) => {
      this.#logger.error('A change of partitions failed.', { error: error.message });
    });
  }

  async #begin(tenure: number, partitions: number[]): Promise<void> {
    await this.#end(tenure);
    while (tenure === this.#tenure && partitions.length > 0 && !this.#stopped.signal.aborted) {
      try {
        await this.#sink.own(partitions, this.#count);
        break;
      } catch (error) {
        this.#logger.error('Partitions cannot be taken; trying again in a second.', {
          error: errorMessage(error),
        });
        await sleep(this.#clock, retryDelayMs, this.#stopped.signal);
      }
    }
    if (tenure !== this.#tenure || partitions.length === 0 || this.#stopped.signal.aborted) return;
    const stream = await this.#consumer.consume({
      topics: [...feedTopics],
      mode: 'committed',
      fallbackMode: 'earliest',
      autocommit: false,
    });
    this.#stream = stream;
    this.counts.tenures++;
    this.counts.partitions = partitions.length;
    this.#logger.info('This process writes the devices of its partitions.', { partitions });
    stream.on('error', (error) => {
      if (tenure === this.#tenure) this.#rejoin(`Kafka could not be read: ${error.message}`);
    });
    stream.on('data', (record) => {
      if (tenure !== this.#tenure) return;
      if (this.#pending.push(record) === 1) queueMicrotask(() => this.#handOver(tenure));
    });
  }

  /** `next`: the tenure that begins, when one does. */
  async #end(next = ++this.#tenure): Promise<void> {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#pending = [];
    if (stream !== undefined) {
      stream.removeAllListeners('data');
      // What it still holds is not for us; the next owner reads it from the committed offset.
      stream.resume();
      await stream.close().catch(() => {});
      await this.#sink.release();
      await this.#commitOffsets();
      this.counts.partitions = 0;
    }
    if (next !== this.#tenure) return;
    this.#chunks = [];
    this.#inFlight = 0;
    this.#committable.clear();
    this.#bindings.clear();
  }

  #rejoin(why: string): void {
    if (this.#stopped.signal.aborted) return;
    this.#logger.warn(`${why}; joining the group again.`);
    this.#step(async () => {
      await this.#end();
      await this.#leave();
      await sleep(this.#clock, retryDelayMs, this.#stopped.signal);
      if (this.#stopped.signal.aborted) return;
      this.#consumer.joinGroup({}).catch((error: Error) => this.#rejoin(error.message));
    });
  }

  #handOver(tenure: number): void {
    const records = this.#pending;
    this.#pending = [];
    if (tenure !== this.#tenure) return;
    for (let at = 0; at < records.length; at += batchRowsMax)
      this.#take(tenure, records.slice(at, at + batchRowsMax));
    if (this.#inFlight >= inFlightMax || this.#sink.ingress.saturated) this.#stream?.pause();
  }

  #take(tenure: number, records: readonly Record[]): void {
    const rows: FeedRow[] = [];
    const astray: Record[] = [];
    const offsets = new Map<string, { topic: string; partition: number; offset: bigint }>();
    for (const record of records) {
      const { topic, partition } = record;
      offsets.set(`${topic}:${partition}`, { topic, partition, offset: record.offset + 1n });
      const home = this.#homeOf(record);
      if (home !== partition) astray.push(record);
      else {
        const row = this.#rowOf(record);
        if (row === undefined) this.counts.unroutable++;
        else rows.push(row);
      }
    }
    const chunk: Chunk = { offsets, done: false };
    this.#chunks.push(chunk);
    this.#inFlight += records.length;
    this.counts.consumed += records.length;
    void Promise.all([this.#reroute(astray), this.#submit(tenure, rows)]).then(
      () => this.#finished(tenure, chunk, records.length),
      () => undefined,
    );
  }

  #finished(tenure: number, chunk: Chunk, rows: number): void {
    if (!this.#chunks.includes(chunk)) return;
    chunk.done = true;
    this.#inFlight -= rows;
    while (this.#chunks[0]?.done === true)
      for (const [key, offset] of this.#chunks.shift()!.offsets) this.#committable.set(key, offset);
    if (tenure === this.#tenure && this.#stream?.isPaused() && this.#inFlight < inFlightLow)
      this.#stream.resume();
  }

  /** Resolves when every row has its durable fate. A refused row is offered again: Kafka has no other keeper. */
  async #submit(tenure: number, rows: readonly FeedRow[]): Promise<void> {
    let left = rows;
    while (left.length > 0) {
      const batch = feedBatch(left);
      await new Promise<void>((settle) => this.#sink.ingress.submit(batch, settle));
      left = left.filter((_, i) => batch.reasonCodes[i]! >= 0x80);
      if (left.length === 0) return;
      await sleep(this.#clock, retryDelayMs, this.#stopped.signal);
      if (tenure !== this.#tenure || this.#stopped.signal.aborted) throw new Error('the tenure is over');
    }
  }

  async #reroute(records: readonly Record[]): Promise<void> {
    if (records.length === 0) return;
    this.counts.rerouted += records.length;
    const encoder = (text: string) => Buffer.from(text);
    await this.#rerouter.write(
      records.map((record) => ({
        topic: record.topic,
        partition: this.#homeOf(record),
        key: record.key,
        value: record.value,
        timestamp: record.timestamp,
        headers: new Map([...record.headers].map(([name, value]) => [encoder(name), value])),
      })),
    );
  }

  /** The partition that the record's device belongs to; where it lies while the device is unknown. */
  #homeOf(record: Record): number {
    const topic = record.headers.get('topic')?.toString('utf8') ?? '';
    const entry = this.#directory.lookup(topic.split('/', 6).join('/'));
    return entry === undefined ? record.partition : partitionOf(entry, this.#count);
  }

  #rowOf(record: Record): FeedRow | undefined {
    const topic = record.headers.get('topic')?.toString('utf8') ?? '';
    const tenant = topic.split('/', 1)[0]!;
    const entry = this.#directory.lookup(topic.split('/', 6).join('/'));
    // A foreign writer names no client: then it is whoever speaks for the device.
    const speaker = entry === undefined ? topic.split('/')[5] : (entry.gatewayDeviceId ?? entry.deviceId);
    const clientId = record.headers.get('client')?.toString('utf8') ?? `${tenant}::${speaker ?? ''}`;
    const key = `${clientId}\n${topic}`;
    let binding = this.#bindings.get(key);
    if (binding === undefined) {
      const principal = { clientId, tenant, certificateSerial: undefined, messagesPerMinuteAlert: 0 };
      binding = this.#sink.ingress.bind(principal, topic);
      if (binding === undefined) return undefined;
      if (this.#bindings.size >= bindingsMax) this.#bindings.clear();
      this.#bindings.set(key, binding);
    }
    return {
      binding,
      payload: record.value ?? Buffer.alloc(0),
      contentType: record.headers.get('content-type')?.toString('utf8'),
      receivedAtMs: Number(record.timestamp),
    };
  }

  /** Best effort: an offset that is not committed is read again, and the ledger refuses what it leads to. */
  async #commitOffsets(): Promise<void> {
    if (this.#committable.size === 0) return;
    const offsets = [...this.#committable.values()].map((each) => ({ ...each, leaderEpoch: -1 }));
    this.#committable.clear();
    try {
      await this.#consumer.commit({ offsets });
      this.counts.offset_commits++;
    } catch (error) {
      this.#logger.debug('Offsets could not be committed; they will be read again.', {
        error: errorMessage(error),
      });
    }
  }
}
