import { type ParsedTopic, parseTopic } from '@millrace/contracts';
import { errorMessage, sleep } from '@millrace/foundation';
import {
  type Ingress,
  type IngressBinding,
  type Principal,
  type PublishBatch,
  ReasonCode,
} from '@millrace/mqtt';
import type { MessageToProduce, Producer } from '@platformatic/kafka';
import { partitionOf, partitionOfSpeaker } from '../../../ingest/partition-of.js';
import type { BusOptions } from '../bus.js';
import { topics } from './topics.js';

/** Bytes of one request: Kafka refuses record batches above 1 MiB by default. */
const requestBytesMax = 700 * 1024;
const requestRowsMax = 4_000;
/** What may be on its way to Kafka before the broker must stop reading. */
const heldRowsMax = 40_000;
const heldBytesMax = 64 * 1024 * 1024;
const retryDelayMs = 100;
const retryDelayMsMax = 5_000;

/** What of a record does not change from one message of a connection and topic to the next. */
interface KafkaBinding {
  readonly topic: string;
  readonly key: Buffer;
  readonly partition: number;
  readonly headers: Map<Buffer, Buffer>;
}

interface Waiting {
  readonly batch: PublishBatch;
  readonly settle: () => void;
  next: number;
}

const header = {
  topic: Buffer.from('topic'),
  client: Buffer.from('client'),
  type: Buffer.from('content-type'),
};

/** The front of the Kafka bus: settles a batch when all in-sync replicas have its records. One request at a time. */
export class KafkaIngress implements Ingress {
  readonly #options: BusOptions;
  readonly #producer: Producer;
  readonly #count: number;
  readonly #queue: Waiting[] = [];
  readonly #stopped = new AbortController();
  #sending: Promise<void> | undefined;
  #heldRows = 0;
  #heldBytes = 0;
  #saturated = false;
  #failing = false;
  #onDrain: () => void = () => {};
  readonly counts = { produced: 0, requests: 0, retries: 0 };

  /** `count`: partitions of the topics. */
  constructor(options: BusOptions, producer: Producer, count: number) {
    this.#options = options;
    this.#producer = producer;
    this.#count = count;
  }

  get saturated(): boolean {
    return this.#saturated;
  }

  onDrain(listener: () => void): void {
    this.#onDrain = listener;
  }

  bind(principal: Principal, topic: string): IngressBinding | undefined {
    const parsed = parseTopic(topic);
    const kafkaTopic = parsed === undefined ? undefined : topicOf(parsed);
    if (parsed === undefined || kafkaTopic === undefined) return undefined;
    const { directory } = this.#options;
    if (directory.tenantId(principal.tenant) === undefined) return undefined;
    const entry = directory.lookup(topic.split('/', 6).join('/'));
    const at = principal.clientId.indexOf('::');
    const speakerId = at < 0 ? principal.clientId : principal.clientId.slice(at + 2);
    const binding: KafkaBinding = {
      topic: kafkaTopic,
      key: Buffer.from(`${principal.tenant}/${parsed.deviceId}`),
      partition:
        entry === undefined
          ? partitionOfSpeaker(principal.tenant, speakerId, this.#count)
          : partitionOf(entry, this.#count),
      headers: new Map([
        [header.topic, Buffer.from(topic)],
        [header.client, Buffer.from(principal.clientId)],
      ]),
    };
    return binding;
  }

  submit(batch: PublishBatch, settle: () => void): void {
    this.#queue.push({ batch, settle, next: 0 });
    this.#heldRows += batch.length;
    this.#heldBytes += batch.bytes.length;
    if (this.#heldRows >= heldRowsMax || this.#heldBytes >= heldBytesMax) this.#saturated = true;
    this.#pump();
  }

  #pump(): void {
    this.#sending ??= this.#send().finally(() => {
      this.#sending = undefined;
      // What came in after the last look at the queue.
      if (this.#queue.length > 0 && !this.#stopped.signal.aborted) this.#pump();
    });
  }

  /** Writes records again, e.g. into another partition. Resolves when Kafka has them; rejects when stopped before. */
  async write(records: MessageToProduce[]): Promise<void> {
    for (let attempt = 0; !(await this.#try(records, attempt)); attempt++);
  }

  /** Gives what is on its way five seconds. What is not settled then was never acknowledged. */
  async stop(): Promise<void> {
    const hurry = new AbortController();
    await Promise.race([this.#sending, sleep(this.#options.clock, 5_000, hurry.signal)]);
    hurry.abort();
    this.#stopped.abort();
    await this.#sending?.catch(() => {});
  }

  async #send(): Promise<void> {
    // Let the broker hand over everything that this turn of the event loop has read.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const { records, done } = this.#nextRequest();
      try {
        await this.write(records);
      } catch {
        return;
      }
      for (const { batch, settle } of done) {
        batch.reasonCodes.fill(ReasonCode.success, 0, batch.length);
        this.#heldRows -= batch.length;
        this.#heldBytes -= batch.bytes.length;
        settle();
      }
      if (this.#saturated && this.#heldRows < heldRowsMax / 2 && this.#heldBytes < heldBytesMax / 2) {
        this.#saturated = false;
        this.#onDrain();
      }
    }
  }

  /** Takes rows off the queue until a request is full; `done` are the batches whose last row is in it. */
  #nextRequest(): { records: MessageToProduce[]; done: Waiting[] } {
    const records: MessageToProduce[] = [];
    const done: Waiting[] = [];
    let bytes = 0;
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      const { batch } = first;
      while (first.next < batch.length) {
        const size = batch.end[first.next]! - batch.start[first.next]! + 256;
        if (records.length > 0 && (bytes + size > requestBytesMax || records.length >= requestRowsMax))
          return { records, done };
        bytes += size;
        records.push(recordOf(batch, first.next++));
      }
      done.push(this.#queue.shift()!);
    }
    return { records, done };
  }

  async #try(records: MessageToProduce[], attempt: number): Promise<boolean> {
    const { clock, logger } = this.#options;
    const { signal } = this.#stopped;
    if (signal.aborted) throw new Error('stopped');
    try {
      await this.#producer.send({ messages: records, acks: -1 });
      this.counts.produced += records.length;
      this.counts.requests++;
      if (this.#failing) logger.info('Kafka takes messages again.');
      this.#failing = false;
      return true;
    } catch (error) {
      this.counts.retries++;
      if (!this.#failing && !signal.aborted)
        logger.error('Kafka does not take messages; they are held and not acknowledged.', {
          error: errorMessage(error),
        });
      this.#failing = true;
      await sleep(clock, Math.min(retryDelayMsMax, retryDelayMs * 2 ** Math.min(attempt, 10)), signal);
      return false;
    }
  }
}

function recordOf(batch: PublishBatch, row: number): MessageToProduce {
  const binding = batch.bindings[row] as KafkaBinding;
  const contentType = batch.contentTypes.get(row);
  return {
    topic: binding.topic,
    partition: binding.partition,
    key: binding.key,
    value: batch.bytes.subarray(batch.start[row]!, batch.end[row]!),
    timestamp: BigInt(Math.round(batch.receivedAtMs[row]!)),
    headers:
      contentType === undefined
        ? binding.headers
        : new Map([...binding.headers, [header.type, Buffer.from(contentType)]]),
  };
}

function topicOf(parsed: ParsedTopic): string | undefined {
  if (parsed.class === 'telemetry') return topics.telemetry;
  if (parsed.class === 'events' || parsed.class === 'status') return topics.events;
  if (parsed.class === 'commands' && parsed.rest.at(-1) === 'ack') return topics.acks;
  return undefined;
}
