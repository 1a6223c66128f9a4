import type { Duplex } from 'node:stream';
import type { Clock, Logger, Timer } from '@millrace/foundation';
import {
  type ClientCertificate,
  emptyPublishView,
  incomplete,
  malformed,
  type PacketBounds,
  PacketType,
  type PublishProperties,
  type PublishView,
  ReasonCode,
  readPublishProperties,
  scanPacket,
  scanPublish,
} from '@millrace/mqtt';
import mqttPacket, { type IConnectPacket, type Packet } from 'mqtt-packet';
import type { RowOwner } from './batcher.js';
import { answerPacket } from './packets.js';
import type { Delivery, DeliveryPort, Session } from './session.js';
import { type TopicEntry, TopicTable } from './topic-table.js';

/** What a connection asks of the broker. */
export interface ConnectionHost {
  connect(connection: Connection, packet: IConnectPacket): void;
  /** A packet other than CONNECT and PUBLISH, after the connection was accepted. */
  packet(connection: Connection, packet: Packet): void;
  /** Resolved once per connection and topic. */
  resolveTopic(connection: Connection, topic: string): TopicEntry;
  publishFrom(
    connection: Connection,
    entry: TopicEntry,
    bytes: Buffer,
    view: PublishView,
    properties: PublishProperties | undefined,
  ): void;
  closed(connection: Connection, reason: string, orderly: boolean): void;
}

export interface ConnectionLimits {
  readonly packetBytesMax: number;
  readonly receiveMaximum: number;
  readonly topicAliasMaximum: number;
  /** Bytes waiting in a socket above which nothing more is written to it until it drains. */
  readonly writeBufferBytesMax: number;
  readonly connectTimeoutMs: number;
}

const noBytes: Buffer = Buffer.alloc(0);

/** One socket: bytes in, packets out of them, answers and deliveries back. Knows the wire, decides nothing. */
export class Connection implements RowOwner, DeliveryPort {
  readonly listener: string;
  readonly remoteAddress: string;
  readonly certificate: ClientCertificate | undefined;
  session: Session | undefined;
  version: 3 | 4 | 5 = 4;
  /** False until CONNACK with success was sent. */
  accepted = false;
  receiveMaximum = 65_535;
  clientPacketBytesMax = Number.POSITIVE_INFINITY;
  /** Received and not yet answered, QoS > 0. */
  unanswered = 0;
  lastPacketAtMs: number;
  /** One and a half times the keep alive; 0 = none. */
  keepAliveMs = 0;
  readonly topics: TopicTable;
  readonly #socket: Duplex;
  readonly #host: ConnectionHost;
  readonly #limits: ConnectionLimits;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #bounds: PacketBounds = { bodyStart: 0, end: 0 };
  readonly #view = emptyPublishView();
  #parser = mqttPacket.parser({ protocolVersion: 5 });
  #parsed: Packet | undefined;
  #parseError: Error | undefined;
  #pending: Buffer = noBytes;
  #answers = Buffer.allocUnsafe(256);
  #answered = 0;
  #closed = false;
  #orderly = false;
  #closeReason = 'the client closed the connection';
  #connectTimer: Timer | undefined;
  #pauses = 0;

  constructor(
    socket: Duplex,
    info: { listener: string; remoteAddress: string; certificate: ClientCertificate | undefined },
    services: { host: ConnectionHost; limits: ConnectionLimits; logger: Logger; clock: Clock },
  ) {
    this.listener = info.listener;
    this.remoteAddress = info.remoteAddress;
    this.certificate = info.certificate;
    this.#socket = socket;
    this.#host = services.host;
    this.#limits = services.limits;
    this.#logger = services.logger;
    this.#clock = services.clock;
    this.lastPacketAtMs = services.clock.monotonicMs();
    this.topics = new TopicTable((topic) => this.#host.resolveTopic(this, topic));
  }

  /** Begins to read. A client that does not send CONNECT in time is closed. */
  open(): void {
    this.#listenToParser();
    this.#connectTimer = this.#clock.after(this.#limits.connectTimeoutMs, () => {
      if (!this.accepted) this.close('no CONNECT in time');
    });
    this.#socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    this.#socket.on('drain', () => this.session?.pump(this.#clock.nowMs()));
    this.#socket.on('error', (error) => {
      this.#closeReason = error.message;
    });
    this.#socket.on('close', () => this.#onClose());
  }

  get closed(): boolean {
    return this.#closed;
  }

  get writable(): boolean {
    return !this.#closed && this.#socket.writableLength < this.#limits.writeBufferBytesMax;
  }

  /** Stops reading; counted, so that several reasons to pause do not undo each other. */
  pause(): void {
    if (this.#pauses++ === 0) this.#socket.pause();
  }

  resume(): void {
    if (this.#pauses > 0 && --this.#pauses === 0 && !this.#closed) this.#socket.resume();
  }

  /** Remembers that the client said DISCONNECT, so that its will is not published. */
  markOrderly(): void {
    this.#orderly = true;
  }

  /** Sends any packet through mqtt-packet. */
  write(packet: Packet): void {
    if (this.#closed) return;
    this.#socket.write(mqttPacket.generate(packet, { protocolVersion: this.version }));
  }

  answer(qos: number, packetId: number, reasonCode: number): void {
    this.unanswered--;
    if (qos === 2) {
      const refused = reasonCode >= 0x80;
      if (refused) this.session?.incomingQos2.delete(packetId);
      else this.session?.incomingQos2.set(packetId, 'received');
    }
    // MQTT 3.1.1 has no reason code: a refused message gets no acknowledgement.
    if (reasonCode >= 0x80 && this.version !== 5) return;
    if (this.#answered + 5 > this.#answers.length) {
      const larger = Buffer.allocUnsafe(this.#answers.length * 2);
      this.#answers.copy(larger, 0, 0, this.#answered);
      this.#answers = larger;
    }
    const type = qos === 1 ? PacketType.puback : PacketType.pubrec;
    this.#answered = answerPacket(
      this.#answers,
      this.#answered,
      type,
      packetId,
      reasonCode,
      this.version === 5,
    );
  }

  /** Answers a PUBLISH at once. */
  reply(view: PublishView, reasonCode: number): void {
    if (view.qos === 0) return;
    this.answer(view.qos, view.packetId, reasonCode);
    this.flushAnswers();
  }

  flushAnswers(): void {
    if (this.#answered > 0 && !this.#closed) {
      this.#socket.write(Buffer.from(this.#answers.subarray(0, this.#answered)));
    }
    this.#answered = 0;
  }

  send(packetId: number, delivery: Delivery, dup: boolean): void {
    const { message, qos, retain, identifiers } = delivery;
    const packet: Packet = {
      cmd: 'publish',
      topic: message.topic,
      payload: message.payload,
      qos,
      dup,
      retain,
    };
    if (packetId > 0) packet.messageId = packetId;
    if (this.version === 5) {
      const { topicAlias: _alias, ...properties } = message.properties;
      packet.properties = { ...properties };
      if (identifiers.length === 1) packet.properties.subscriptionIdentifier = identifiers[0]!;
      else if (identifiers.length > 1) packet.properties.subscriptionIdentifier = [...identifiers];
      if (message.expiresAtMs !== undefined) {
        // [MQTT-3.3.2-6]: the expiry is lowered by the time the message waited here.
        const left = Math.ceil((message.expiresAtMs - this.#clock.nowMs()) / 1000);
        packet.properties.messageExpiryInterval = Math.max(1, left);
      }
    }
    const bytes = mqttPacket.generate(packet, { protocolVersion: this.version });
    if (bytes.length > this.clientPacketBytesMax) {
      // [MQTT-3.1.2-25]: behave as if it had been sent and acknowledged.
      if (packetId > 0) this.session?.acknowledge(packetId, this.#clock.nowMs());
      return;
    }
    if (!this.#closed) this.#socket.write(bytes);
  }

  sendPubrel(packetId: number): void {
    this.write({ cmd: 'pubrel', messageId: packetId });
  }

  /** Closes with a DISCONNECT that says why (MQTT 5) and a log line. */
  close(reason: string, reasonCode?: number): void {
    if (this.#closed) return;
    this.#closeReason = reason;
    if (reasonCode !== undefined && this.version === 5 && this.accepted) {
      this.write({ cmd: 'disconnect', reasonCode, properties: { reasonString: reason } });
    }
    this.#socket.end();
    this.#clock.after(1000, () => this.#socket.destroy(), { unref: true });
  }

  #listenToParser(): void {
    this.#parser.on('packet', (packet) => {
      this.#parsed = packet;
    });
    this.#parser.on('error', (error) => {
      this.#parseError = error;
    });
  }

  #onData(chunk: Buffer): void {
    this.lastPacketAtMs = this.#clock.monotonicMs();
    const bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    this.#pending = noBytes;
    let at = 0;
    while (at < bytes.length && !this.#closed) {
      const status = scanPacket(bytes, at, bytes.length, this.#bounds);
      if (status === malformed) {
        this.close('a packet has a malformed length', 0x81);
        return;
      }
      if (this.#bounds.end - at > this.#limits.packetBytesMax) {
        this.close(
          `a packet of ${this.#bounds.end - at} bytes exceeds the maximum of ${this.#limits.packetBytesMax}`,
          ReasonCode.packetTooLarge,
        );
        return;
      }
      if (status === incomplete) break;
      const { end } = this.#bounds;
      if (!this.#onPacket(bytes, at)) return;
      at = end;
    }
    if (at < bytes.length && !this.#closed) this.#pending = at === 0 ? bytes : bytes.subarray(at);
  }

  #onPacket(bytes: Buffer, start: number): boolean {
    const type = bytes[start]! >> 4;
    if (type === PacketType.publish && this.accepted) return this.#onPublish(bytes, start);
    const packet = this.#parse(bytes.subarray(start, this.#bounds.end));
    if (!packet) {
      this.close(`a malformed packet of type ${type}: ${this.#parseError?.message ?? 'unreadable'}`, 0x81);
      return false;
    }
    if (packet.cmd === 'connect') {
      // [MQTT-3.1.0-2]: a second CONNECT is a protocol error.
      if (this.session || this.accepted) {
        this.close('a second CONNECT', 0x82);
        return false;
      }
      this.#connectTimer?.cancel();
      this.version = packet.protocolVersion as 3 | 4 | 5;
      this.#parser = mqttPacket.parser({ protocolVersion: this.version });
      this.#listenToParser();
      this.#host.connect(this, packet);
      return true;
    }
    if (!this.accepted) {
      this.close('a packet before CONNECT was accepted');
      return false;
    }
    this.#host.packet(this, packet);
    return true;
  }

  #parse(bytes: Buffer): Packet | undefined {
    this.#parsed = undefined;
    this.#parseError = undefined;
    try {
      this.#parser.parse(bytes);
    } catch (error) {
      this.#parseError = error as Error;
    }
    return this.#parseError ? undefined : this.#parsed;
  }

  #onPublish(bytes: Buffer, start: number): boolean {
    const view = this.#view;
    const v5 = this.version === 5;
    if (!scanPublish(bytes, start, this.#bounds, v5, view)) {
      this.close('a malformed PUBLISH', 0x81);
      return false;
    }
    let properties: PublishProperties | undefined;
    if (view.propertiesEnd > view.propertiesStart) {
      properties = readPublishProperties(bytes, view.propertiesStart, view.propertiesEnd);
      if (!properties) {
        this.close('a PUBLISH with malformed properties', 0x82);
        return false;
      }
    }
    const entry = this.topics.resolve(bytes, view, properties?.topicAlias, this.#limits.topicAliasMaximum);
    if (typeof entry === 'number') {
      this.close(entry === 0x94 ? 'an invalid topic alias' : 'an invalid topic name', entry);
      return false;
    }
    if (view.qos > 0) {
      this.unanswered++;
      if (v5 && this.unanswered > this.#limits.receiveMaximum) {
        this.close(`more than ${this.#limits.receiveMaximum} unacknowledged messages`, 0x93);
        return false;
      }
    }
    this.#host.publishFrom(this, entry, bytes, view, properties);
    return true;
  }

  #onClose(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connectTimer?.cancel();
    this.#logger.debug('connection closed', { remote: this.remoteAddress, reason: this.#closeReason });
    this.#host.closed(this, this.#closeReason, this.#orderly);
  }
}
