import { readFileSync } from 'node:fs';
import {
  type Clock,
  errorMessage,
  type Logger,
  MillraceError,
  type Random,
  type Service,
  sleep,
} from '@millrace/foundation';
import {
  createMqttClient,
  type Ingress,
  type IngressBinding,
  type MqttClient,
  type MqttInbound,
  type MqttMessage,
  type TlsMaterial,
} from '@millrace/mqtt';
import type { DeviceDirectory } from '../../../ingest/device-directory.js';
import { type FeedRow, feedBatch } from '../../../ingest/feed-batch.js';

export interface UpstreamOptions {
  /** `mqtts://host:port` or `mqtt://host:port`. */
  readonly url: string;
  readonly clientId: string;
  /** Name of the shared subscription, MQTT 5. */
  readonly group: string;
  readonly version: '5' | '3.1.1';
  /** Paths of PEM files. */
  readonly files: {
    readonly ca: string | undefined;
    readonly certificate: string | undefined;
    readonly key: string | undefined;
  };
  /** How long the broker keeps the session, and what it holds for us, while we are away, s. */
  readonly sessionExpiryS: number;
  /** Where messages go; asked for at each use. */
  readonly ingress: () => Ingress;
  readonly directory: DeviceDirectory;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Messages that may be unacknowledged at a time. */
const receiveMaximum = 5_000;
const retryDelayMs = 1_000;
const bindingsMax = 200_000;
const classes = ['telemetry', 'events', 'status'] as const;

/** A reader of somebody else's broker. */
export class MqttUpstream implements Service {
  readonly #options: UpstreamOptions;
  readonly #bindings = new Map<string, IngressBinding>();
  readonly #stopped = new AbortController();
  #client: MqttClient | undefined;
  #waiting: MqttInbound[] = [];
  readonly #counts = { taken: 0, acknowledged: 0, offeredAgain: 0, unroutable: 0 };

  constructor(options: UpstreamOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { url, clientId, version, group, clock, random, logger, sessionExpiryS } = this.#options;
    // Read once before anything is opened, so that a wrong path is told at once; then again with every connection.
    this.#tls();
    const client = createMqttClient({
      url,
      clientId,
      protocolVersion: version === '5' ? 5 : 4,
      tls: () => this.#tls(),
      cleanStart: false,
      sessionExpiryS,
      receiveMaximum,
      clock,
      random,
      logger,
      onConnected: ({ sessionPresent }) => logger.info('Reads from the broker.', { url, sessionPresent }),
      onDisconnected: (reason, wasConnected) => {
        if (wasConnected)
          logger.warn('The connection to the broker was lost; trying again.', { url, reason });
        else logger.debug('The broker cannot be reached; trying again.', { url, reason });
      },
      onMessage: (message) => {
        if (this.#waiting.push(message) === 1) queueMicrotask(() => this.#handOver());
      },
    });
    for (const topicClass of classes) {
      const filter = `+/+/+/+/+/+/${topicClass}`;
      client.subscribe(version === '5' ? `$share/${group}/${filter}` : filter, 1);
    }
    this.#client = client;
    await client.start();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#client?.stop();
    this.#client = undefined;
  }

  /** Gives a message to that broker's subscribers. False while there is no connection. */
  publish({ topic, payload, qos, retain, contentType, messageExpiryS }: MqttMessage): boolean {
    return (
      this.#client?.publish({
        topic,
        payload,
        qos,
        retain,
        ...(contentType === undefined ? {} : { contentType }),
        ...(messageExpiryS === undefined ? {} : { messageExpiryS }),
      }) ?? false
    );
  }

  /** Connections are the other broker's; it cannot be told to end one. */
  disconnectClient(): void {}

  stats(): Readonly<Record<string, number>> {
    return { ...this.#counts, connected: this.#client?.state === 'connected' ? 1 : 0 };
  }

  #tls(): TlsMaterial {
    const read = (path: string | undefined): Buffer | undefined => {
      if (path === undefined) return undefined;
      try {
        return readFileSync(path);
      } catch (error) {
        throw new MillraceError(
          'certificate_missing',
          `The file ${path} for the broker ${this.#options.url} cannot be read (${errorMessage(error)}): check broker.ca, broker.certificate and broker.key.`,
        );
      }
    };
    const { ca, certificate, key } = this.#options.files;
    const [caBytes, certificateBytes, keyBytes] = [read(ca), read(certificate), read(key)];
    return {
      ...(caBytes === undefined ? {} : { ca: caBytes }),
      ...(certificateBytes === undefined ? {} : { certificate: certificateBytes }),
      ...(keyBytes === undefined ? {} : { key: keyBytes }),
    };
  }

  #handOver(): void {
    const messages = this.#waiting;
    this.#waiting = [];
    const taken: MqttInbound[] = [];
    const rows: FeedRow[] = [];
    for (const message of messages) {
      const binding = this.#bind(message.topic);
      if (binding === undefined) {
        // Not of a tenant of ours: nobody here will ever want it.
        this.#counts.unroutable++;
        message.ack();
        continue;
      }
      const { payload, contentType } = message;
      taken.push(message);
      rows.push({ binding, payload, contentType, receivedAtMs: this.#options.clock.nowMs() });
    }
    this.#counts.taken += taken.length;
    if (rows.length > 0) this.#submit(taken, rows);
  }

  #submit(messages: readonly MqttInbound[], rows: readonly FeedRow[]): void {
    const batch = feedBatch(rows);
    this.#options.ingress().submit(batch, () => {
      const refused: number[] = [];
      messages.forEach((message, i) => {
        if (batch.reasonCodes[i]! >= 0x80) refused.push(i);
        else {
          this.#counts.acknowledged++;
          message.ack();
        }
      });
      if (refused.length === 0) return;
      this.#counts.offeredAgain += refused.length;
      const again = async () => {
        await sleep(this.#options.clock, retryDelayMs, this.#stopped.signal);
        if (this.#stopped.signal.aborted) return;
        this.#submit(
          refused.map((i) => messages[i]!),
          refused.map((i) => rows[i]!),
        );
      };
      again().catch(() => {});
    });
  }

  #bind(topic: string): IngressBinding | undefined {
    const known = this.#bindings.get(topic);
    if (known !== undefined) return known;
    const parts = topic.split('/');
    const tenant = parts[0]!;
    const entry = this.#options.directory.lookup(parts.slice(0, 6).join('/'));
    const speaker = entry === undefined ? parts[5] : (entry.gatewayDeviceId ?? entry.deviceId);
    const principal = {
      clientId: `${tenant}::${speaker ?? ''}`,
      tenant,
      certificateSerial: undefined,
      messagesPerMinuteAlert: 0,
    };
    const binding = this.#options.ingress().bind(principal, topic);
    // What is said of an unknown device changes when it is registered.
    if (binding === undefined || entry === undefined) return binding;
    if (this.#bindings.size >= bindingsMax) this.#bindings.clear();
    this.#bindings.set(topic, binding);
    return binding;
  }
}
