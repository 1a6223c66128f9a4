import type { X509Certificate } from 'node:crypto';
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
import { deliveryFrame } from './delivery-frame.js';
import type { ConnectionLimits } from './limits.js';
import type { AcceptedSocket } from './listener.js';
import { answerPacket } from './packets.js';
import type { Delivery, DeliveryPort, Session } from './session.js';
import { type TopicEntry, TopicTable } from './topic-table.js';
import type { Corked, WriteTurn } from './write-turn.js';

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
  /** The connection is over, told once; nothing is written to it any more. */
  closed(connection: Connection, end: ConnectionEnd): void;
}

export interface ConnectionServices {
  readonly host: ConnectionHost;
  readonly limits: ConnectionLimits;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly turn: WriteTurn;
}

export interface ConnectionEnd {
  readonly reason: string;
  /** The client said DISCONNECT and took its will back. */
  readonly orderly: boolean;
  /** The client broke the protocol. */
  readonly fault: boolean;
}

/** Codes of a DISCONNECT that blame the client: malformed, protocol error, topic name, receive maximum, alias, size. */
const faultCodes = new Set([0x81, 0x82, 0x90, 0x93, 0x94, 0x95]);

/** The refusals PUBACK and PUBREC can name (MQTT 5, tables 3-4 and 3-5); a strict client chokes on any other. */
const refusalCodes = new Set([0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]);

const noBytes: Buffer = Buffer.alloc(0);

/** One socket: bytes in, packets out of them, answers and deliveries back. Knows the wire, decides nothing. */
export class Connection implements RowOwner, DeliveryPort, Corked {
  readonly listener: string;
  readonly remoteAddress: string;
  readonly certificate: ClientCertificate | undefined;
  session: Session | undefined;
  version: 3 | 4 | 5 = 4;
  /** False until CONNACK with success was sent. */
  accepted = false;
  receiveMaximum = 65_535;
  /** Topic aliases the client lets the broker use (MQTT 5, 3.1.2.11.5). */
  topicAliasMaximum = 0;
  clientPacketBytesMax = Number.POSITIVE_INFINITY;
  /** QoS 1 not yet acknowledged and QoS 2 not yet complete: what counts against the receive maximum (4.9). */
  unanswered = 0;
  lastPacketAtMs: number;
  /** One and a half times the keep alive; 0 = none. */
  keepAliveMs = 0;
  readonly topics: TopicTable;
  readonly peerCertificate: () => X509Certificate | undefined;
  readonly #socket: Duplex;
  readonly #aliases = new Map<string, number>();
  readonly #host: ConnectionHost;
  readonly #limits: ConnectionLimits;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #turn: WriteTurn;
  readonly #bounds: PacketBounds = { bodyStart: 0, end: 0 };
  readonly #view = emptyPublishView();
  #parser = mqttPacket.parser({ protocolVersion: 5 });
  #parsed: Packet | undefined;
  #parseError: Error | undefined;
  /** Bytes of a packet that is not complete, in the pieces they came in. */
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** Length of that packet when it is known, else 0. */
  #awaitedBytes = 0;
  #corked = false;
  #connecting = false;
  #answers = Buffer.allocUnsafe(256);
  #answered = 0;
  #closed = false;
  #orderly = false;
  #closeReason = 'the client closed the connection';
  #connectTimer: Timer | undefined;
  #pauses = 0;

  constructor(info: AcceptedSocket, services: ConnectionServices) {
    this.listener = info.listener;
    this.remoteAddress = info.remoteAddress;
    this.certificate = info.certificate;
    this.peerCertificate = info.peerCertificate;
    this.#socket = info.socket;
    this.#host = services.host;
    this.#limits = services.limits;
    this.#logger = services.logger;
    this.#clock = services.clock;
    this.#turn = services.turn;
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
    this.#socket.on('close', () => this.#end(false));
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
    if (this.#pauses === 0 || --this.#pauses > 0 || this.#closed) return;
    // What the client sent meanwhile was not read: its silence begins now.
    this.lastPacketAtMs = this.#clock.monotonicMs();
    this.#socket.resume();
  }

  /** While the broker does not read, it cannot know whether the client is silent. */
  get paused(): boolean {
    return this.#pauses > 0;
  }

  /** Remembers that the client said DISCONNECT, so that its will is not published. */
  markOrderly(): void {
    this.#orderly = true;
  }

  /** Sends any packet through mqtt-packet. */
  write(packet: Packet): void {
    if (!this.#closed) this.#write(mqttPacket.generate(packet, { protocolVersion: this.version }));
  }

  /** Collects what is written in one turn into one system call. */
  #write(bytes: Buffer): void {
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      this.#turn.hold(this);
    }
    this.#socket.write(bytes);
  }

  /** The turn is over: what was written in it goes out. */
  uncork(): void {
    this.#corked = false;
    this.#socket.uncork();
  }

  /** CONNECT has its answer: what the client sent behind it is read now. */
  connected(): void {
    this.#connecting = false;
    if (this.accepted) this.#connectTimer?.cancel();
    if (!this.#closed && this.#pendingBytes > 0) this.#onData(noBytes);
    this.resume();
  }

  /** The ingress knows the row's fate. */
  answer(qos: number, packetId: number, reasonCode: number): void {
    if (qos !== 2) {
      this.#append(qos, packetId, reasonCode);
      return;
    }
    const { session } = this;
    session?.settleIncoming(packetId, reasonCode < 0x80);
    // A kept session acknowledges QoS 2 when its packet id is durable, or a crash would double the message.
    if (session?.keeping) session.keeping.after(() => this.reply(qos, packetId, reasonCode));
    else this.#append(qos, packetId, reasonCode);
  }

  /** Answers a PUBLISH at once. */
  reply(qos: number, packetId: number, reasonCode: number): void {
    if (qos === 0) return;
    this.#append(qos, packetId, reasonCode);
    this.flushAnswers();
  }

  /** A QoS 2 exchange is complete. */
  completed(): void {
    if (this.unanswered > 0) this.unanswered--;
  }

  #append(qos: number, packetId: number, reasonCode: number): void {
    // 4.9: the client's quota grows with PUBACK, PUBCOMP, and PUBREC of a refusal.
    if (qos === 1 || reasonCode >= 0x80) this.completed();
    // MQTT 3.1.1 has no reason code: a refused message gets no acknowledgement.
    if (this.#closed || (reasonCode >= 0x80 && this.version !== 5)) return;
    if (this.#answered + 5 > this.#answers.length) {
      const larger = Buffer.allocUnsafe(this.#answers.length * 2);
      this.#answers.copy(larger, 0, 0, this.#answered);
      this.#answers = larger;
    }
    const type = qos === 1 ? PacketType.puback : PacketType.pubrec;
    const v5 = this.version === 5;
    const told = reasonCode < 0x80 || refusalCodes.has(reasonCode) ? reasonCode : 0x83;
    this.#answered = answerPacket(this.#answers, this.#answered, type, packetId, told, v5);
  }

  flushAnswers(): void {
    if (this.#answered > 0 && !this.#closed) {
      this.#write(Buffer.from(this.#answers.subarray(0, this.#answered)));
    }
    this.#answered = 0;
  }

  send(packetId: number, delivery: Delivery, dup: boolean): void {
    if (this.#closed) return;
    const v5 = this.version === 5;
    const nowMs = this.#clock.nowMs();
    const { topic } = delivery.message;
    const alias = this.topicAliasMaximum > 0 ? this.#aliasOf(topic) : undefined;
    const bytes = deliveryFrame(delivery, { v5, packetId, dup, nowMs, alias });
    if (bytes.length > this.clientPacketBytesMax) {
      // [MQTT-3.1.2-25]: behave as if it had been sent and acknowledged. An alias it would have set is not known.
      if (alias && !alias.known) this.#aliases.delete(topic);
      if (packetId > 0) this.session?.acknowledge(packetId, nowMs);
      return;
    }
    this.#write(bytes);
  }

  /** Topics get aliases first come, first served, until the client's maximum ([MQTT-3.1.2-26]). */
  #aliasOf(topic: string): { id: number; known: boolean } | undefined {
    const known = this.#aliases.get(topic);
    if (known !== undefined) return { id: known, known: true };
    if (this.#aliases.size >= this.topicAliasMaximum) return undefined;
    const id = this.#aliases.size + 1;
    this.#aliases.set(topic, id);
    return { id, known: false };
  }

  sendPubrel(packetId: number): void {
    this.write({ cmd: 'pubrel', messageId: packetId });
  }

  /** Closes with a DISCONNECT that says why (MQTT 5). The broker is told before this returns. */
  close(reason: string, reasonCode?: number): void {
    if (this.#closed) return;
    this.#closeReason = reason;
    if (reasonCode !== undefined && this.version === 5 && this.accepted) {
      this.write({ cmd: 'disconnect', reasonCode, properties: { reasonString: reason } });
    }
    this.#end(reasonCode === undefined ? !this.accepted : faultCodes.has(reasonCode));
    // What still arrives is read and dropped: unread bytes would turn our last words into a reset.
    this.#socket.resume();
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
    if (this.#closed) return;
    this.lastPacketAtMs = this.#clock.monotonicMs();
    const bytes = this.#join(chunk);
    if (!bytes) return;
    let at = 0;
    while (at < bytes.length && !this.#closed && !this.#connecting) {
      const status = scanPacket(bytes, at, bytes.length, this.#bounds);
      if (status === malformed) {
        this.close('a packet has a malformed length', 0x81);
        return;
      }
      const length = this.#bounds.end - at;
      if (length > this.#limits.packetBytesMax) {
        this.close(
          `a packet of ${length} bytes exceeds the maximum of ${this.#limits.packetBytesMax}`,
          ReasonCode.packetTooLarge,
        );
        return;
      }
      if (status === incomplete) {
        this.#awaitedBytes = Math.max(0, length);
        break;
      }
      const { end } = this.#bounds;
      if (!this.#onPacket(bytes, at)) return;
      at = end;
    }
    if (at < bytes.length && !this.#closed) {
      const rest = at === 0 ? bytes : bytes.subarray(at);
      this.#pending = [rest];
      this.#pendingBytes = rest.length;
    }
  }

  /** The bytes to read; undefined while a long packet has not arrived, so that its pieces are joined only once. */
  #join(chunk: Buffer): Buffer | undefined {
    if (this.#pendingBytes === 0) return chunk;
    if (chunk.length > 0) this.#pending.push(chunk);
    this.#pendingBytes += chunk.length;
    if (this.#connecting || this.#pendingBytes < this.#awaitedBytes) return undefined;
    const bytes = this.#pending.length === 1 ? this.#pending[0]! : Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#awaitedBytes = 0;
    return bytes;
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
      this.#connecting = true;
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

  #end(fault: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connectTimer?.cancel();
    const reason = this.#closeReason;
    this.#logger.debug('connection closed', { remote: this.remoteAddress, reason });
    this.#host.closed(this, { reason, orderly: this.#orderly, fault });
  }
}
