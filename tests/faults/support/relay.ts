import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '@millrace/foundation';

/** `silent`: connections stay open and every byte vanishes (half-open). `mute`: only answers vanish. */
export type RelayMode = 'open' | 'refuse' | 'silent' | 'mute';

/** A network link at byte level: latency on the passed-in clock, cuts, half-open connections, lost answers. */
export class Relay {
  readonly #clock: Clock;
  readonly #target: () => number | undefined;
  readonly #server: Server;
  readonly #pairs = new Set<readonly [near: Socket, far: Socket]>();
  mode: RelayMode = 'open';
  /** Delay of each read, drawn anew every time; the order within a direction is kept. */
  latencyMs: () => number = () => 0;
  /** Asked with what the near side sends; true lets it through and then cuts before any answer. */
  cutAfter: ((bytes: Buffer) => boolean) | undefined;

  constructor(clock: Clock, target: () => number | undefined) {
    this.#clock = clock;
    this.#target = target;
    this.#server = createServer((near) => this.#accept(near));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', resolve);
    });
  }

  /** Breaks every connection. What is under way is lost, or with `deliver` still reaches the far side. */
  cut(deliver = false): void {
    for (const [near, far] of this.#pairs) {
      if (deliver) {
        far.removeAllListeners('data');
        far.resume();
        far.end();
      } else far.resetAndDestroy();
      near.resetAndDestroy();
    }
    this.#pairs.clear();
  }

  async close(deliver = false): Promise<void> {
    this.mode = 'refuse';
    this.cut(deliver);
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(near: Socket): void {
    const port = this.#target();
    near.on('error', () => {});
    if (port === undefined || this.mode === 'refuse') {
      near.resetAndDestroy();
      return;
    }
    const far = connect(port, '127.0.0.1');
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    far.on('error', () => {});
    // A connection that has ended while the link was silent is not missed by the other side, as with a lost FIN.
    near.on('close', () => this.#ended(pair, far));
    far.on('close', () => this.#ended(pair, near));
    let answers = true;
    this.#carry(near, far, (bytes) => {
      if (this.mode === 'silent') return false;
      if (this.cutAfter?.(bytes)) {
        this.cutAfter = undefined;
        answers = false;
        this.#clock.after(50, () => {
          near.resetAndDestroy();
          far.resetAndDestroy();
        });
      }
      return true;
    });
    this.#carry(far, near, () => answers && this.mode !== 'silent' && this.mode !== 'mute');
  }

  #carry(from: Socket, to: Socket, passes: (bytes: Buffer) => boolean): void {
    let dueMs = 0;
    from.on('data', (bytes: Buffer) => {
      if (!passes(bytes)) return;
      const nowMs = this.#clock.monotonicMs();
      dueMs = Math.max(dueMs, nowMs + this.latencyMs());
      const send = () => {
        if (to.writable) to.write(bytes);
      };
      if (dueMs <= nowMs) send();
      else this.#clock.after(dueMs - nowMs, send);
    });
  }

  #ended(pair: readonly [Socket, Socket], other: Socket): void {
    if (this.mode === 'silent') return;
    this.#pairs.delete(pair);
    other.destroy();
  }
}
