import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type Clock, MillraceError, type Timer } from '@millrace/foundation';
import { generate, type IConnackPacket, type Packet, type Parser, parser } from 'mqtt-packet';
import { explainConnack, explainConnectionError } from './connection-errors.js';
import { FrameReader } from './frames.js';
import type { MqttClientOptions } from './options.js';

/** Bytes waiting in the socket above which no more PUBLISH packets are accepted. */
const socketBytesMax = 4 * 1024 * 1024;

/** What the client hears from its one connection. After `onClosed` nothing more comes. */
export interface ConnectionListener {
  onConnack(packet: IConnackPacket): void;
  /** PUBACK on the fast path, without an object for it. */
  onPuback(packetId: number, reasonCode: number): void;
  onPacket(packet: Packet): void;
  onClosed(error: MillraceError): void;
}

/** One TCP or TLS connection with its MQTT handshake, keepalive and write buffer. */
export class Connection {
  readonly #options: MqttClientOptions;
  readonly #listener: ConnectionListener;
  readonly #clock: Clock;
  readonly #where: string;
  readonly #protocol: 4 | 5;
  readonly #reader = new FrameReader();
  readonly #parser: Parser;
  #socket: Socket | undefined;
  #connected = false;
  #closed = false;
  #connectTimer: Timer | undefined;
  #keepaliveTimer: Timer | undefined;
  #keepaliveMs: number;
  #lastWriteMs = 0;
  #lastReadMs = 0;
  #pending: Buffer[] = [];
  #flushQueued = false;

  constructor(options: MqttClientOptions, listener: ConnectionListener) {
    this.#options = options;
    this.#listener = listener;
    this.#clock = options.clock;
    this.#protocol = options.protocolVersion ?? 5;
    this.#keepaliveMs = (options.keepaliveS ?? 60) * 1000;
    this.#parser = parser({ protocolVersion: this.#protocol });
    this.#parser.on('packet', (packet) => this.#onPacket(packet));
    this.#parser.on('error', (error: unknown) => this.#close(this.#explain(error)));
    const { host, port } = brokerAddress(options.url);
    this.#where = `${host}:${port}`;
  }

  open(): void {
    this.#connectTimer = this.#clock.after(this.#options.connectTimeoutMs ?? 10_000, () =>
      this.#close(
        new MillraceError(
          'uplink_unavailable',
          `Broker ${this.#where}: no MQTT handshake within ${(this.#options.connectTimeoutMs ?? 10_000) / 1000} s; look at the network and the broker.`,
        ),
      ),
    );
    try {
      this.#socket = this.#connectSocket();
    } catch (error) {
      queueMicrotask(() => this.#close(this.#explain(error)));
      return;
    }
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    this.#socket.on('error', (error) => this.#close(this.#explain(error)));
    this.#socket.on('close', () =>
      this.#close(
        new MillraceError('uplink_unavailable', `Broker ${this.#where} closed the connection.`, {
          details: { where: this.#where },
        }),
      ),
    );
    this.#socket.on('drain', () => this.#listener.onPuback(0, 0));
  }

  /** True while more PUBLISH bytes may be queued. */
  get writable(): boolean {
    return this.#connected && !this.#closed && (this.#socket?.writableLength ?? 0) < socketBytesMax;
  }

  /** Queues bytes; everything queued in one turn of the event loop leaves in one write. */
  write(bytes: Buffer): void {
    if (this.#closed) return;
    this.#pending.push(bytes);
    if (this.#flushQueued) return;
    this.#flushQueued = true;
    queueMicrotask(() => this.#flush());
  }

  send(packet: Packet): void {
    this.write(generate(packet, { protocolVersion: this.#protocol }));
  }

  /** Orderly end: DISCONNECT so that the broker drops the will [MQTT-3.14.4-3], then the socket's end. */
  end(): void {
    if (this.#closed) return;
    if (this.#connected) {
      this.send({ cmd: 'disconnect', reasonCode: 0 });
      this.#flush();
    }
    this.#socket?.end();
    this.#close(new MillraceError('stopped', 'The connection was ended by this side.'));
  }

  /** Ends without DISCONNECT, as a crash or a cut cable would. */
  destroy(reason: string): void {
    this.#close(new MillraceError('uplink_unavailable', `Broker ${this.#where}: ${reason}.`));
  }

  #connectSocket(): Socket {
    const { host, port, tls } = brokerAddress(this.#options.url);
    const onOpen = () => this.#handshake();
    // The host name goes to the socket as it is, so DNS is asked at every attempt (DR-3).
    if (!tls) return connectTcp({ host, port }, onOpen);
    const material = this.#options.tls?.() ?? {};
    return connectTls(
      {
        host,
        port,
        minVersion: 'TLSv1.3',
        ...(isIP(host) ? {} : { servername: host }),
        ...(material.ca === undefined ? {} : { ca: material.ca }),
        ...(material.certificate === undefined ? {} : { cert: material.certificate }),
        ...(material.key === undefined ? {} : { key: material.key }),
      },
      onOpen,
    );
  }

  #handshake(): void {
    const { clientId, cleanStart = true, keepaliveS = 60, will, username, password } = this.#options;
    const { sessionExpiryS = 0, receiveMaximum } = this.#options;
    this.send({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: this.#protocol,
      clientId,
      clean: cleanStart,
      keepalive: keepaliveS,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password: Buffer.from(password) }),
      ...(will === undefined ? {} : { will: { ...will, payload: Buffer.from(will.payload) } }),
      ...(this.#protocol === 5
        ? {
            properties: {
              sessionExpiryInterval: sessionExpiryS,
              ...(receiveMaximum === undefined ? {} : { receiveMaximum }),
            },
          }
        : {}),
    });
  }

  #onData(chunk: Buffer): void {
    this.#lastReadMs = this.#clock.monotonicMs();
    const broken = this.#reader.push(chunk, (frame, body) => {
      if (this.#closed) return;
      if (frame[0] === 0x40 && this.#connected) {
        // 3.4.2.1: a PUBACK of two bytes has no reason code and means success.
        const packetId = frame.readUInt16BE(body);
        this.#listener.onPuback(packetId, frame.length > body + 2 ? frame[body + 2]! : 0);
      } else {
        this.#parser.parse(frame);
      }
    });
    if (broken) this.destroy(broken);
  }

  #onPacket(packet: Packet): void {
    if (packet.cmd === 'connack') {
      const code = packet.reasonCode ?? packet.returnCode ?? 0;
      if (code !== 0) {
        this.#close(explainConnack(code, this.#where, packet.properties?.reasonString));
        return;
      }
      this.#connected = true;
      this.#connectTimer?.cancel();
      // MQTT 5 [MQTT-3.1.2-21]: the server's keepalive replaces ours.
      if (packet.properties?.serverKeepAlive !== undefined)
        this.#keepaliveMs = packet.properties.serverKeepAlive * 1000;
      this.#startKeepalive();
      this.#listener.onConnack(packet);
    } else if (packet.cmd === 'disconnect') {
      const why = packet.properties?.reasonString ?? `reason 0x${(packet.reasonCode ?? 0).toString(16)}`;
      this.destroy(`it disconnected us (${why})`);
    } else {
      this.#listener.onPacket(packet);
    }
  }

  #startKeepalive(): void {
    if (this.#keepaliveMs === 0) return;
    const check = Math.max(50, Math.min(this.#keepaliveMs / 4, 5000));
    this.#lastWriteMs = this.#lastReadMs = this.#clock.monotonicMs();
    this.#keepaliveTimer = this.#clock.every(check, () => {
      const now = this.#clock.monotonicMs();
      // [MQTT-3.1.2-20] PINGREQ before the keepalive runs out; a peer silent for 1.5 times as long is gone.
      if (now - this.#lastReadMs > this.#keepaliveMs * 1.5) {
        this.destroy(`nothing heard for ${Math.round((now - this.#lastReadMs) / 1000)} s`);
      } else if (now - Math.min(this.#lastWriteMs, this.#lastReadMs) >= this.#keepaliveMs * 0.7) {
        this.send({ cmd: 'pingreq' });
      }
    });
  }

  #flush(): void {
    this.#flushQueued = false;
    if (this.#pending.length === 0 || !this.#socket || this.#socket.destroyed) return;
    const bytes = this.#pending.length === 1 ? this.#pending[0]! : Buffer.concat(this.#pending);
    this.#pending = [];
    this.#lastWriteMs = this.#clock.monotonicMs();
    this.#socket.write(bytes);
  }

  #explain(error: unknown): MillraceError {
    return explainConnectionError(error, this.#where);
  }

  #close(error: MillraceError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connectTimer?.cancel();
    this.#keepaliveTimer?.cancel();
    if (error.code !== 'stopped') this.#socket?.destroy();
    this.#listener.onClosed(error);
  }
}

/** The parts of `mqtts://host:port`; throws `config_invalid` for anything else. */
export function brokerAddress(url: string): { host: string; port: number; tls: boolean } {
  const match = /^(mqtts?):\/\/(\[[0-9a-fA-F:]+\]|[^:/[\]]+)(?::(\d{1,5}))?\/?$/.exec(url);
  if (!match) {
    throw new MillraceError('config_invalid', `"${url}" is not a broker address; write mqtts://host:port.`);
  }
  const tls = match[1] === 'mqtts';
  const host = match[2]!.replace(/^\[|\]$/g, '');
  return { host, port: match[3] ? Number(match[3]) : tls ? 8883 : 1883, tls };
}
