import { connect, type Socket } from 'node:net';
import { type Clock, errorMessage, type Timer } from '@millrace/foundation';

/** Function codes of the tables (Modbus Application Protocol V1.1b3, 6.1-6.4). */
export const readFunction = { coil: 1, discrete: 2, holding: 3, input: 4 } as const;

export type ReadResult =
  /** `data` is the data of the response: packed bits or big-endian registers. */
  | { readonly ok: true; readonly data: Buffer }
  | {
      readonly ok: false;
      readonly cause: 'timeout' | 'connection' | 'exception' | 'bad_data';
      readonly reason: string;
      readonly exception?: number;
    };

export interface ModbusClientOptions {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
  /** Transactions on the way at a time. */
  readonly inFlightMax: number;
  readonly clock: Clock;
}

interface Transaction {
  readonly unit: number;
  readonly functionCode: number;
  readonly address: number;
  readonly count: number;
  readonly resolve: (result: ReadResult) => void;
  timer: Timer | undefined;
}

const exceptions: Readonly<Record<number, string>> = {
  1: 'illegal function',
  2: 'illegal data address',
  3: 'illegal data value',
  4: 'server device failure',
  5: 'acknowledge, still busy',
  6: 'server device busy',
  8: 'memory parity error',
  10: 'gateway path unavailable',
  11: 'gateway target device failed to respond',
};

/** A frame's length field counts unit and PDU; a PDU has at most 253 bytes (MBAP, Modbus on TCP/IP 3.1.3). */
const frameLengthMax = 254;
/** Waits between attempts to connect, ms. */
const connectBackoff = { firstMs: 100, maxMs: 2000 };
/** Time-outs in a row, with nothing heard in between, after which the connection is taken for dead. */
const silentTimeoutsMax = 6;

/**
 * A Modbus TCP client for one server: transactions matched by id, each with its own unit and time-out, a bounded
 * number on the way, the rest waiting in order. It reconnects when something is asked of it; nothing here throws.
 */
export class ModbusClient {
  readonly #options: ModbusClientOptions;
  #socket: Socket | undefined;
  #open = false;
  #stopped = false;
  #connecting: Promise<string | undefined> | undefined;
  #failedConnects = 0;
  #nextConnectMs = 0;
  #lastError = 'not connected yet';
  #rest = Buffer.alloc(0);
  #nextId = 0;
  #silentTimeouts = 0;
  readonly #onTheWay = new Map<number, Transaction>();
  readonly #waiting: Transaction[] = [];
  /** Answers that came after their time-out. */
  lateAnswers = 0;

  constructor(options: ModbusClientOptions) {
    this.#options = options;
  }

  /** Reads `count` registers or bits from a zero-based address. Resolves always. */
  async read(unit: number, functionCode: number, address: number, count: number): Promise<ReadResult> {
    const problem = await this.#connected();
    if (problem !== undefined) return { ok: false, cause: 'connection', reason: problem };
    return new Promise((resolve) => {
      this.#waiting.push({ unit, functionCode, address, count, resolve, timer: undefined });
      this.#sendNext();
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#drop('the driver stops');
  }

  #connected(): Promise<string | undefined> {
    if (this.#stopped) return Promise.resolve('the driver stops');
    if (this.#open) return Promise.resolve(undefined);
    if (this.#connecting) return this.#connecting;
    if (this.#options.clock.monotonicMs() < this.#nextConnectMs) return Promise.resolve(this.#lastError);
    const attempt = this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    this.#connecting = attempt;
    return attempt;
  }

  #connect(): Promise<string | undefined> {
    const { host, port, clock, timeoutMs } = this.#options;
    return new Promise((resolve) => {
      const socket = connect({ host, port });
      this.#socket = socket;
      socket.setNoDelay(true);
      let done = false;
      const finish = (problem: string | undefined) => {
        if (done) return;
        done = true;
        timer.cancel();
        if (problem === undefined) {
          this.#open = true;
          this.#failedConnects = 0;
          this.#silentTimeouts = 0;
          this.#rest = Buffer.alloc(0);
        } else {
          const wait = Math.min(
            connectBackoff.firstMs * 2 ** Math.min(this.#failedConnects++, 20),
            connectBackoff.maxMs,
          );
          this.#nextConnectMs = clock.monotonicMs() + wait;
        }
        resolve(problem);
      };
      const timer = clock.after(Math.max(timeoutMs * 3, 1000), () => {
        fail(`${host}:${port} does not answer`);
      });
      const fail = (reason: string) => {
        if (socket !== this.#socket) return;
        this.#drop(reason);
        finish(reason);
      };
      socket.on('connect', () => finish(undefined));
      socket.on('data', (chunk: Buffer) => this.#onData(socket, chunk));
      socket.on('error', (error) => fail(`${host}:${port}: ${errorMessage(error)}`));
      socket.on('close', () => fail(`${host}:${port} closed the connection`));
    });
  }

  #drop(reason: string): void {
    this.#open = false;
    this.#lastError = reason;
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroy();
    const all = [...this.#onTheWay.values(), ...this.#waiting.splice(0)];
    this.#onTheWay.clear();
    for (const transaction of all) {
      transaction.timer?.cancel();
      transaction.resolve({ ok: false, cause: 'connection', reason });
    }
  }

  #sendNext(): void {
    while (this.#open && this.#waiting.length > 0 && this.#onTheWay.size < this.#options.inFlightMax) {
      const transaction = this.#waiting.shift()!;
      const id = this.#takeId();
      this.#onTheWay.set(id, transaction);
      transaction.timer = this.#options.clock.after(this.#options.timeoutMs, () => this.#onTimeout(id));
      this.#socket?.write(requestFrame(id, transaction));
    }
  }

  #takeId(): number {
    do {
      this.#nextId = (this.#nextId + 1) & 0xffff;
    } while (this.#onTheWay.has(this.#nextId));
    return this.#nextId;
  }

  #onTimeout(id: number): void {
    const transaction = this.#onTheWay.get(id);
    if (!transaction) return;
    this.#onTheWay.delete(id);
    const { timeoutMs, host, port } = this.#options;
    transaction.resolve({
      ok: false,
      cause: 'timeout',
      reason: `unit ${transaction.unit} at ${host}:${port} gave no answer within ${timeoutMs} ms`,
    });
    this.#silentTimeouts++;
    // A cable pulled behind a switch leaves the connection open for ever on this side.
    if (this.#silentTimeouts >= silentTimeoutsMax) this.#drop(`${host}:${port} gives no sign of life`);
    else this.#sendNext();
  }

  #onData(socket: Socket, chunk: Buffer): void {
    if (socket !== this.#socket) return;
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= 8) {
      // MBAP header: transaction, protocol (always 0), length, unit (Modbus on TCP/IP 3.1.3).
      const length = bytes.readUInt16BE(at + 4);
      if (bytes.readUInt16BE(at + 2) !== 0 || length < 3 || length > frameLengthMax) {
        this.#drop(`${this.#options.host}:${this.#options.port} does not speak Modbus TCP`);
        return;
      }
      if (bytes.length - at < 6 + length) break;
      this.#onFrame(bytes.readUInt16BE(at), bytes.subarray(at + 6, at + 6 + length));
      if (socket !== this.#socket) return;
      at += 6 + length;
    }
    this.#rest = at === bytes.length ? Buffer.alloc(0) : Buffer.from(bytes.subarray(at));
  }

  #onFrame(id: number, body: Buffer): void {
    const transaction = this.#onTheWay.get(id);
    if (!transaction) {
      this.lateAnswers++;
      return;
    }
    this.#onTheWay.delete(id);
    transaction.timer?.cancel();
    this.#silentTimeouts = 0;
    transaction.resolve(readResponse(transaction, body));
    this.#sendNext();
  }
}

function requestFrame(id: number, { unit, functionCode, address, count }: Transaction): Buffer {
  const frame = Buffer.allocUnsafe(12);
  frame.writeUInt16BE(id, 0);
  frame.writeUInt16BE(0, 2);
  frame.writeUInt16BE(6, 4);
  frame[6] = unit;
  frame[7] = functionCode;
  frame.writeUInt16BE(address, 8);
  frame.writeUInt16BE(count, 10);
  return frame;
}

/** Judges the body of an answer: unit, function, byte count, data. */
function readResponse(request: Transaction, body: Buffer): ReadResult {
  const bad = (reason: string): ReadResult => ({ ok: false, cause: 'bad_data', reason });
  if (body[0] !== request.unit) return bad(`unit ${body[0]} answered for unit ${request.unit}`);
  // Application Protocol 7: an exception answers with the function code's top bit set.
  if (body[1] === (request.functionCode | 0x80)) {
    const code = body[2]!;
    const reason = `unit ${request.unit} refused addresses from ${request.address}: ${exceptions[code] ?? `exception ${code}`}`;
    return { ok: false, cause: 'exception', reason, exception: code };
  }
  if (body[1] !== request.functionCode)
    return bad(`function ${body[1]} came back for function ${request.functionCode}`);
  const expected = request.functionCode <= 2 ? Math.ceil(request.count / 8) : request.count * 2;
  if (body[2] !== expected || body.length !== 3 + expected) {
    return bad(`unit ${request.unit} answered with ${body.length - 3} bytes of data in place of ${expected}`);
  }
  return { ok: true, data: body.subarray(3) };
}
