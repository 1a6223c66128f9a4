import { MillraceError, type Service, type Timer } from '@millrace/foundation';
import type { IConnackPacket, IPublishPacket, Packet } from 'mqtt-packet';
import { backoffMs, reconnectBackoff } from './backoff.js';
import { Connection } from './connection.js';
import { type PublishFrame, publishFrameBytes, publishProperties, writePublish } from './frames.js';
import type { ConnectedInfo, MqttClientOptions, MqttPublish, PublishOutcome } from './options.js';

export type ClientState = 'stopped' | 'connecting' | 'connected' | 'waiting';

export interface MqttClientStats {
  readonly state: ClientState;
  readonly inFlight: number;
  readonly published: number;
  readonly acknowledged: number;
  /** PUBACKs with a reason code >= 0x80. */
  readonly refused: number;
  /** In flight when a connection ended. */
  readonly lost: number;
  readonly received: number;
  readonly connects: number;
  readonly failedAttempts: number;
  readonly lastError: string | undefined;
}

export interface MqttClient extends Service {
  readonly state: ClientState;
  /** PUBLISH packets that may be handed over now. */
  readonly room: number;
  /**
   * Hands over a message; false when there is no connection or no room, and then nothing happened. `outcome` is
   * called exactly once, later. All messages handed over in one turn of the event loop leave in one write.
   */
  publish(message: MqttPublish, outcome?: (outcome: PublishOutcome) => void): boolean;
  /** Subscribes now and again after every reconnect that found no session. */
  subscribe(filter: string, qos: 0 | 1 | 2): void;
  stats(): MqttClientStats;
  /** Drops the connection without DISCONNECT and reconnects; for tests and for a watchdog. */
  dropConnection(): void;
}

interface InFlight {
  readonly frame: Buffer | undefined;
  readonly qos: 1 | 2;
  readonly outcome: ((outcome: PublishOutcome) => void) | undefined;
  released: boolean;
}

/** Topics whose bytes are kept; far above the devices one gateway speaks for. */
const topicCacheMax = 20_000;

/**
 * A small MQTT 5 (or 3.1.1) client for durable producers and consumers: many QoS 1 messages in flight up to the
 * broker's receive maximum, one callback a message with its reason code, inbound acknowledgement by the consumer,
 * reconnect with backoff and jitter. It queues nothing itself: what is not handed to the broker stays the caller's.
 */
export function createMqttClient(options: MqttClientOptions): MqttClient {
  return new Client(options);
}

class Client implements MqttClient {
  readonly #options: MqttClientOptions;
  readonly #v5: boolean;
  #connection: Connection | undefined;
  #state: ClientState = 'stopped';
  #attempt = 0;
  #retryTimer: Timer | undefined;
  #receiveMaximum = 0;
  #maximumPacketBytes = Number.POSITIVE_INFINITY;
  #nextId = 0;
  #wantsDrain = false;
  readonly #inFlight = new Map<number, InFlight>();
  readonly #subscriptions = new Map<string, 0 | 1 | 2>();
  readonly #inboundQos2 = new Set<number>();
  readonly #topics = new Map<string, Buffer>();
  readonly #propertyBytes = new Map<string, Buffer>();
  #published = 0;
  #acknowledged = 0;
  #refused = 0;
  #lost = 0;
  #received = 0;
  #connects = 0;
  #failedAttempts = 0;
  #lastError: string | undefined;

  constructor(options: MqttClientOptions) {
    this.#options = options;
    this.#v5 = (options.protocolVersion ?? 5) === 5;
  }

  get state(): ClientState {
    return this.#state;
  }

  get room(): number {
    if (this.#state !== 'connected' || !this.#connection?.writable) return 0;
    return Math.max(0, this.#receiveMaximum - this.#inFlight.size);
  }

  async start(): Promise<void> {
    if (this.#state !== 'stopped') return;
    this.#attempt = 0;
    this.#connect();
  }

  async stop(): Promise<void> {
    if (this.#state === 'stopped') return;
    this.#state = 'stopped';
    this.#retryTimer?.cancel();
    this.#connection?.end();
    this.#connection = undefined;
    this.#loseInFlight();
  }

  publish(message: MqttPublish, outcome?: (outcome: PublishOutcome) => void): boolean {
    const connection = this.#connection;
    if (this.room === 0 || !connection) {
      this.#wantsDrain = true;
      return false;
    }
    const frame: PublishFrame = {
      topic: this.#topicBytes(message.topic),
      payload: message.payload,
      qos: message.qos,
      retain: message.retain ?? false,
      properties: this.#v5 ? this.#properties(message) : undefined,
    };
    const size = publishFrameBytes(frame);
    if (size > this.#maximumPacketBytes) {
      // MQTT 5 [MQTT-3.1.2-24]: it must not be sent; the caller hears what the broker would have answered.
      queueMicrotask(() => outcome?.(0x95));
      return true;
    }
    const bytes = Buffer.allocUnsafe(size);
    const packetId = message.qos === 0 ? 0 : this.#takeId();
    writePublish(bytes, 0, frame, packetId);
    connection.write(bytes);
    this.#published++;
    if (message.qos === 0) {
      if (outcome) queueMicrotask(() => outcome(0));
      return true;
    }
    const keep = this.#options.cleanStart === false;
    this.#inFlight.set(packetId, {
      frame: keep ? bytes : undefined,
      qos: message.qos,
      outcome,
      released: false,
    });
    return true;
  }

  subscribe(filter: string, qos: 0 | 1 | 2): void {
    this.#subscriptions.set(filter, qos);
    if (this.#state === 'connected') this.#sendSubscribe([[filter, qos]]);
  }

  stats(): MqttClientStats {
    return {
      state: this.#state,
      inFlight: this.#inFlight.size,
      published: this.#published,
      acknowledged: this.#acknowledged,
      refused: this.#refused,
      lost: this.#lost,
      received: this.#received,
      connects: this.#connects,
      failedAttempts: this.#failedAttempts,
      lastError: this.#lastError,
    };
  }

  dropConnection(): void {
    this.#connection?.destroy('the connection was dropped on purpose');
  }

  #connect(): void {
    this.#state = 'connecting';
    const connection = new Connection(this.#options, {
      onConnack: (packet) => this.#onConnack(packet),
      onPuback: (packetId, reasonCode) => this.#onPuback(packetId, reasonCode),
      onPacket: (packet) => this.#onPacket(packet),
      onClosed: (error) => this.#onClosed(connection, error),
    });
    this.#connection = connection;
    connection.open();
  }

  #onConnack(packet: IConnackPacket): void {
    const wasLost = this.#options.cleanStart !== false || !packet.sessionPresent;
    if (wasLost) {
      this.#loseInFlight();
      this.#inboundQos2.clear();
    }
    this.#state = 'connected';
    this.#attempt = 0;
    this.#connects++;
    this.#lastError = undefined;
    const cap = this.#options.inFlightMax ?? 1000;
    // 3.2.2.3.3: absent means 65,535; MQTT 3.1.1 states none, and brokers of that age commonly stop reading at 20.
    this.#receiveMaximum = Math.min(packet.properties?.receiveMaximum ?? 65_535, cap);
    this.#maximumPacketBytes = packet.properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY;
    if (!wasLost) this.#resendInFlight();
    if (!packet.sessionPresent && this.#subscriptions.size > 0) this.#sendSubscribe([...this.#subscriptions]);
    const info: ConnectedInfo = {
      sessionPresent: packet.sessionPresent,
      receiveMaximum: this.#receiveMaximum,
      maximumPacketBytes: this.#maximumPacketBytes,
    };
    this.#options.onConnected?.(info);
  }

  #onPuback(packetId: number, reasonCode: number): void {
    const entry = this.#inFlight.get(packetId);
    if (entry) this.#finish(packetId, entry, reasonCode);
    if (this.#wantsDrain && this.room > 0) {
      this.#wantsDrain = false;
      this.#options.onDrain?.();
    }
  }

  #finish(packetId: number, entry: InFlight, reasonCode: number): void {
    this.#inFlight.delete(packetId);
    if (reasonCode >= 0x80) this.#refused++;
    else this.#acknowledged++;
    entry.outcome?.(reasonCode);
  }

  #onPacket(packet: Packet): void {
    switch (packet.cmd) {
      case 'publish':
        this.#onPublish(packet);
        break;
      case 'pubrec':
        this.#onPubrec(packet.messageId ?? 0, packet.reasonCode ?? 0);
        break;
      case 'pubcomp':
        this.#onPuback(packet.messageId ?? 0, packet.reasonCode ?? 0);
        break;
      case 'pubrel':
        this.#inboundQos2.delete(packet.messageId ?? 0);
        this.#connection?.send({ cmd: 'pubcomp', messageId: packet.messageId ?? 0, reasonCode: 0 });
        break;
      case 'suback':
        this.#onSuback(packet.granted as number[]);
        break;
      default:
        break;
    }
  }

  #onPubrec(packetId: number, reasonCode: number): void {
    const entry = this.#inFlight.get(packetId);
    if (entry && reasonCode >= 0x80) {
      this.#finish(packetId, entry, reasonCode);
      return;
    }
    if (entry) entry.released = true;
    // MQTT 5, 4.3.3: PUBREL answers every PUBREC, with 0x92 when the identifier is unknown.
    this.#connection?.send({ cmd: 'pubrel', messageId: packetId, reasonCode: entry ? 0 : 0x92 });
  }

  #onPublish(packet: IPublishPacket): void {
    const id = packet.messageId ?? 0;
    const connection = this.#connection;
    if (packet.qos === 2 && this.#inboundQos2.has(id)) {
      connection?.send({ cmd: 'pubrec', messageId: id, reasonCode: 0 });
      return;
    }
    this.#received++;
    let acked = packet.qos === 0;
    const ack = () => {
      if (acked || connection !== this.#connection) return;
      acked = true;
      if (packet.qos === 2) this.#inboundQos2.add(id);
      connection?.send({ cmd: packet.qos === 1 ? 'puback' : 'pubrec', messageId: id, reasonCode: 0 });
    };
    if (!this.#options.onMessage) {
      ack();
      return;
    }
    this.#options.onMessage({
      topic: packet.topic,
      payload: Buffer.from(packet.payload as Buffer),
      qos: packet.qos,
      retain: packet.retain,
      dup: packet.dup,
      contentType: packet.properties?.contentType,
      messageExpiryS: packet.properties?.messageExpiryInterval,
      ack,
    });
  }

  #onSuback(granted: readonly number[]): void {
    for (const code of granted) {
      if (code >= 0x80) this.#options.logger.warn('The broker refused a subscription.', { reasonCode: code });
    }
  }

  #onClosed(connection: Connection, error: MillraceError): void {
    if (connection !== this.#connection || this.#state === 'stopped') return;
    const wasConnected = this.#state === 'connected';
    this.#connection = undefined;
    this.#state = 'waiting';
    this.#lastError = error.message;
    this.#attempt++;
    if (!wasConnected) this.#failedAttempts++;
    if (this.#options.cleanStart !== false) this.#loseInFlight();
    const delay = backoffMs(this.#options.backoff ?? reconnectBackoff, this.#attempt, this.#options.random);
    this.#retryTimer = this.#options.clock.after(delay, () => this.#connect());
    this.#options.onDisconnected?.(error.message, wasConnected);
  }

  #loseInFlight(): void {
    const entries = [...this.#inFlight.values()];
    this.#inFlight.clear();
    this.#lost += entries.length;
    for (const entry of entries) entry.outcome?.('lost');
  }

  /** MQTT 5 [MQTT-4.4.0-1]: with a kept session, unacknowledged PUBLISH and PUBREL packets go again, DUP set. */
  #resendInFlight(): void {
    for (const [packetId, entry] of this.#inFlight) {
      if (entry.released) this.#connection?.send({ cmd: 'pubrel', messageId: packetId, reasonCode: 0 });
      else if (entry.frame) {
        entry.frame[0] = entry.frame[0]! | 0x08;
        this.#connection?.write(entry.frame);
      }
    }
  }

  #sendSubscribe(filters: readonly (readonly [string, 0 | 1 | 2])[]): void {
    this.#connection?.send({
      cmd: 'subscribe',
      messageId: this.#takeId(),
      subscriptions: filters.map(([topic, qos]) => ({ topic, qos })),
    });
  }

  #takeId(): number {
    // The map never holds more than the receive maximum (<= 65,535), so a free identifier exists.
    do {
      this.#nextId = (this.#nextId % 65_535) + 1;
    } while (this.#inFlight.has(this.#nextId));
    return this.#nextId;
  }

  #topicBytes(topic: string): Buffer {
    const known = this.#topics.get(topic);
    if (known) return known;
    const bytes = Buffer.from(topic, 'utf8');
    if (bytes.length > 65_535) {
      throw new MillraceError('invalid_argument', 'A topic is longer than 65,535 bytes; shorten it.');
    }
    if (this.#topics.size >= topicCacheMax) this.#topics.clear();
    this.#topics.set(topic, bytes);
    return bytes;
  }

  #properties(message: MqttPublish): Buffer {
    if (message.messageExpiryS !== undefined)
      return publishProperties(message.contentType, message.messageExpiryS);
    const key = message.contentType ?? '';
    const known = this.#propertyBytes.get(key);
    if (known) return known;
    const bytes = publishProperties(message.contentType, undefined);
    if (this.#propertyBytes.size < 64) this.#propertyBytes.set(key, bytes);
    return bytes;
  }
}
