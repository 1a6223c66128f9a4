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
  const { logger } = options;
  const sockets = new Set<Socket>();
  const counts = { requests: 0, exceptions: 0, unanswered: 0, refusedConnections: 0, droppedConnections: 0 };
  let server: Server | undefined;
  let port = options.port;

  function drop(socket: Socket, why: string): void {
    counts.droppedConnections++;
    logger.warn(`Closed the Modbus connection from ${socket.remoteAddress ?? 'an unknown address'}: ${why}.`);
    socket.destroy();
  }

  function answer(socket: Socket, frame: Buffer): void {
    counts.requests++;
    const unitId = frame[6]!;
    const unit = options.unit(unitId);
    if (unit === 'silent') {
      counts.unanswered++;
      return;
    }
    const request = frame.subarray(headerBytes);
    const { pdu, read } = unit
      ? answerPdu(unit, request)
      : { pdu: Buffer.from([request[0]! | 0x80, ModbusException.gatewayPathUnavailable]), read: undefined };
    if (pdu[0]! & 0x80) counts.exceptions++;
    const out = Buffer.alloc(headerBytes + pdu.length);
    frame.copy(out, 0, 0, 4);
    out.writeUInt16BE(pdu.length + 1, 4);
    out[6] = unitId;
    pdu.copy(out, headerBytes);
    socket.write(out);
    if (read) options.onRead(unitId, read, `${socket.remotePort ?? 0}`);
  }

  /** Takes every whole frame off `bytes`; returns the rest, or undefined when the connection was dropped. */
  function consume(socket: Socket, bytes: Buffer): Buffer | undefined {
    let at = 0;
    while (bytes.length - at >= headerBytes) {
      const length = bytes.readUInt16BE(at + 4);
      if (bytes.readUInt16BE(at + 2) !== 0 || length < 2 || length > 254) {
        drop(socket, 'the frame does not begin with a Modbus TCP header');
        return undefined;
      }
      if (bytes.length - at < 6 + length) break;
      answer(socket, bytes.subarray(at, at + 6 + length));
      at += 6 + length;
      if (socket.writableLength > unreadAnswerBytesMax) {
        drop(socket, 'it sends requests without reading the answers');
        return undefined;
      }
    }
    return bytes.subarray(at);
  }

  function accept(socket: Socket): void {
    if (sockets.size >= connectionsMax) {
      counts.refusedConnections++;
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    let rest: Buffer = Buffer.alloc(0);
    socket.on('data', (data) => {
      if (socket.destroyed) return;
      rest = consume(socket, rest.length === 0 ? data : Buffer.concat([rest, data])) ?? Buffer.alloc(0);
    });
    socket.on('error', (error) => logger.debug(`A Modbus connection failed: ${error.message}.`));
    socket.on('close', () => sockets.delete(socket));
  }

  return {
    get port() {
      return port;
    },
    start: () =>
      new Promise((resolve, reject) => {
        const listening = createServer(accept);
        listening.once('error', (error: NodeJS.ErrnoException) => {
          const taken = error.code === 'EADDRINUSE';
          reject(
            new MillraceError(
              taken ? 'port_taken' : 'internal',
              taken
                ? `Port ${options.port} on ${options.host} is taken; choose another one for Modbus or stop the program that uses it.`
                : `The Modbus server cannot listen on ${options.host}:${options.port}: ${error.message}.`,
              { cause: error },
            ),
          );
        });
        listening.listen(options.port, options.host, () => {
          const address = listening.address();
          if (address && typeof address === 'object') port = address.port;
          listening.on('error', (error) => logger.error(`The Modbus server failed: ${error.message}.`));
          server = listening;
          resolve();
        });
      }),
    stop: () =>
      new Promise((resolve) => {
        const closing = server;
        server = undefined;
        if (!closing) return resolve();
        closing.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
    stats: () => ({ connections: sockets.size, ...counts }),
  };
}
