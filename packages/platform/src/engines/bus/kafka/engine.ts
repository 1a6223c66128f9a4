import type { Ingress } from '@millrace/mqtt';
import type { Consumer, Producer } from '@platformatic/kafka';
import type { Bus, BusOptions } from '../bus.js';
import { togetherAssigner } from './assigner.js';
import { KafkaFeed } from './feed.js';
import { KafkaIngress } from './producer.js';
import { bootstrapBrokers, ensureTopics } from './topics.js';

const requestTimeoutMs = 10_000;

/** Apache Kafka between the front door and any number of ingest processes. */
export class KafkaBus implements Bus {
  readonly #options: BusOptions;
  #producer: Producer | undefined;
  #consumer: Consumer<Buffer, Buffer, string, Buffer> | undefined;
  #front: KafkaIngress | undefined;
  #feed: KafkaFeed | undefined;

  constructor(options: BusOptions) {
    this.#options = options;
  }

  get ingress(): Ingress {
    if (this.#front === undefined) throw new Error('The Kafka bus is not started.');
    return this.#front;
  }

  async start(): Promise<void> {
    const { url, group, sessionTimeoutS, sink } = this.#options;
    const brokers = bootstrapBrokers(url);
    const kafka = await import('@platformatic/kafka');
    const count = await ensureTopics(kafka, brokers, this.#options);
    const base = { bootstrapBrokers: brokers, timeout: requestTimeoutMs, retries: 3, retryDelay: 250 };
    this.#producer = new kafka.Producer({ ...base, clientId: 'millrace-broker' });
    this.#front = new KafkaIngress(this.#options, this.#producer, count);
    if (sink === undefined) return;
    this.#consumer = new kafka.Consumer<Buffer, Buffer, string, Buffer>({
      ...base,
      clientId: 'millrace-ingest',
      groupId: group,
      autocommit: false,
      sessionTimeout: sessionTimeoutS * 1_000,
      rebalanceTimeout: Math.max(10_000, sessionTimeoutS * 1_000),
      heartbeatInterval: Math.min(3_000, Math.floor((sessionTimeoutS * 1_000) / 4)),
      maxWaitTime: 100,
      partitionAssigner: togetherAssigner,
      deserializers: { headerKey: (bytes) => bytes?.toString('utf8') ?? '' },
    });
    this.#feed = new KafkaFeed({ ...this.#options, sink }, this.#consumer, this.#front, count);
    await this.#feed.start();
  }

  async stop(): Promise<void> {
    const [feed, consumer, front, producer] = [this.#feed, this.#consumer, this.#front, this.#producer];
    this.#feed = undefined;
    this.#consumer = undefined;
    this.#producer = undefined;
    await feed?.stop();
    await front?.stop();
    if (consumer !== undefined) await new Promise<void>((done) => consumer.close(true, () => done()));
    await producer?.close().catch(() => {});
  }

  stats(): Readonly<Record<string, number>> {
    return { ...this.#front?.counts, ...this.#feed?.counts };
  }
}
