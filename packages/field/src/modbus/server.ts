import { createServer, type Server, type Socket } from 'node:net';
import { type Logger, MillraceError, type Service } from '@millrace/foundation';
import { answerPdu, ModbusException, type ReadSpan, type UnitImage } from './pdu.js';

export interface ModbusServerOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly logger: Logger;
  /** The unit's image, `silent` for a unit without power (it answers nothing), undefined for one that does not exist. */
  readonly unit: (unitId: number) => UnitImage | 'silent' | undefined;
  /** Called for every answer that carries values, when it is handed to the socket. */
  readonly onRead: (unitId: number, span: ReadSpan, client: string) => void;
}

export interface ModbusServerStats {
  readonly connections: number;
  readonly requests: number;
  readonly exceptions: number;
  /** Requests to a unit without power. */
  readonly unanswered: number;
  /** Connections refused because all places were taken. */
  readonly refusedConnections: number;
  /** Connections closed for a malformed frame or for not reading their answers. */
  readonly droppedConnections: number;
}

export interface ModbusServer extends Service {
  readonly port: number;
  stats(): ModbusServerStats;
}

/** MBAP header: transaction, protocol, length, unit (MODBUS Messaging on TCP/IP V1.0b, section 3.1.3). */
const headerBytes = 7;
const connectionsMax = 32;
const unreadAnswerBytesMax = 64 * 1024;

/**
 * A Modbus TCP server for several units on one port. It answers in the order of the requests, pipelined or not.
 * It is our own because a device that is switched off must stay silent, and because the journal needs to know what
 * each answer carried; modbus-serial's server can do neither.
 */
export function createModbusServer(options: ModbusServerOptions): ModbusServer {
  return new TcpServer(options);
}

class TcpServer implements ModbusServer {
  readonly #options: ModbusServerOptions;
  readonly #sockets = new Set<Socket>();
  readonly #counts = {
    requests: 0,
    exceptions: 0,
    unanswered: 0,
    refusedConnections: 0,
    droppedConnections: 0,
  };
  #server: Server | undefined;
  #port: number;

  constructor(options: ModbusServerOptions) {
    this.#options = options;
    this.#port = options.port;
  }

  get port(): number {
    return this.#port;
  }

  stats(): ModbusServerStats {
    return { connections: this.#sockets.size, ...this.#counts };
  }

  start(): Promise<void> {
    const { host, port, logger } = this.#options;
    return new Promise((resolve, reject) => {
      const listening = createServer((socket) => this.#accept(socket));
      listening.once('error', (error: NodeJS.ErrnoException) => reject(cannotListen(host, port, error)));
      listening.listen(port, host, () => {
        const address = listening.address();
        if (address && typeof address === 'object') this.#port = address.port;
        listening.removeAllListeners('error');
        listening.on('error', (error) => logger.error(`The Modbus server failed: ${error.message}.`));
        this.#server = listening;
        resolve();
      });
    });
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      const closing = this.#server;
      this.#server = undefined;
      if (!closing) return resolve();
      closing.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  #accept(socket: Socket): void {
    if (this.#sockets.size >= connectionsMax) {
      this.#counts.refusedConnections++;
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    let rest: Buffer = Buffer.alloc(0);
    socket.on('data', (data) => {
      if (socket.destroyed) return;
      rest = this.#consume(socket, rest.length === 0 ? data : Buffer.concat([rest, data]));
    });
    socket.on('error', (error) =>
      this.#options.logger.debug(`A Modbus connection failed: ${error.message}.`),
    );
    socket.on('close', () => this.#sockets.delete(socket));
  }

  /** Answers every whole frame in `bytes`; returns the rest, which is less than a frame. */
  #consume(socket: Socket, bytes: Buffer): Buffer {
    let at = 0;
    while (bytes.length - at >= headerBytes) {
      const length = bytes.readUInt16BE(at + 4);
      if (bytes.readUInt16BE(at + 2) !== 0 || length < 2 || length > 254)
        return this.#drop(socket, 'the frame does not begin with a Modbus TCP header');
      if (bytes.length - at < 6 + length) break;
      this.#answer(socket, bytes.subarray(at, at + 6 + length));
      at += 6 + length;
      if (socket.writableLength > unreadAnswerBytesMax)
        return this.#drop(socket, 'it sends requests without reading the answers');
    }
    return bytes.subarray(at);
  }

  #answer(socket: Socket, frame: Buffer): void {
    this.#counts.requests++;
    const unitId = frame[6]!;
    const unit = this.#options.unit(unitId);
    if (unit === 'silent') {
      this.#counts.unanswered++;
      return;
    }
    const request = frame.subarray(headerBytes);
    const { pdu, read } = unit
      ? answerPdu(unit, request)
      : { pdu: Buffer.from([request[0]! | 0x80, ModbusException.gatewayPathUnavailable]), read: undefined };
    if (pdu[0]! & 0x80) this.#counts.exceptions++;
    const out = Buffer.alloc(headerBytes + pdu.length);
    frame.copy(out, 0, 0, 4);
    out.writeUInt16BE(pdu.length + 1, 4);
    out[6] = unitId;
    pdu.copy(out, headerBytes);
    socket.write(out);
    if (read) this.#options.onRead(unitId, read, `${socket.remotePort ?? 0}`);
  }

  #drop(socket: Socket, why: string): Buffer {
    this.#counts.droppedConnections++;
    this.#options.logger.warn(
      `Closed the Modbus connection from ${socket.remoteAddress ?? 'an unknown address'}: ${why}.`,
    );
    socket.destroy();
    return Buffer.alloc(0);
  }
}

function cannotListen(host: string, port: number, error: NodeJS.ErrnoException): MillraceError {
  if (error.code === 'EADDRINUSE')
    return new MillraceError(
      'port_taken',
      `Port ${port} on ${host} is taken; choose another one for Modbus or stop the program that uses it.`,
      { cause: error },
    );
  return new MillraceError(
    'internal',
    `The Modbus server cannot listen on ${host}:${port}: ${error.message}.`,
    { cause: error },
  );
}
