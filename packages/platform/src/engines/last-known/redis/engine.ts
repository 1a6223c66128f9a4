import { MillraceError } from '@millrace/foundation';
import type { Redis } from 'ioredis';
import type { LiveUpdate } from '../../../live/index.js';
import type { LastKnown, LastKnownOptions } from '../last-known.js';

/** A name on the wire; it never changes. */
const channel = 'millrace:last-known';
/** Publications waiting for a Redis that does not read, above which updates are dropped: the database has them. */
const waitingMax = 1_000;

/** Updates through Redis, by publish and subscribe. It keeps nothing: after a restart the database tells. */
export class RedisLastKnown implements LastKnown {
  readonly #options: LastKnownOptions;
  #publisher: Redis | undefined;
  #subscriber: Redis | undefined;
  #listener: ((updates: readonly LiveUpdate[]) => void) | undefined;
  #waiting = 0;
  readonly #counts = { shown: 0, dropped: 0, received: 0, malformed: 0 };

  constructor(options: LastKnownOptions) {
    this.#options = options;
  }

  onShown(listener: (updates: readonly LiveUpdate[]) => void): void {
    this.#listener = listener;
  }

  /** Resolves whether Redis is there or not: it is an accelerator, and reconnects by itself. */
  async start(): Promise<void> {
    const { url, logger } = this.#options;
    if (url === undefined || !/^rediss?:\/\//.test(url))
      throw new MillraceError(
        'config_invalid',
        'The address of Redis is not understood: write redis://host:port.',
      );
    const { Redis } = await import('ioredis');
    const open = () => {
      const client = new Redis(url, {
        enableOfflineQueue: false,
        maxRetriesPerRequest: 0,
        retryStrategy: (attempt) => Math.min(5_000, 100 * 2 ** attempt),
      });
      let broken = false;
      client.on('error', (error: Error) => {
        if (!broken)
          logger.warn('Redis cannot be used; values come from the database meanwhile.', {
            error: error.message,
          });
        broken = true;
      });
      client.on('ready', () => {
        broken = false;
      });
      return client;
    };
    this.#publisher = open();
    if (this.#listener === undefined) return;
    const subscriber = open();
    this.#subscriber = subscriber;
    // Again after every reconnect.
    subscriber.on('ready', () => void subscriber.subscribe(channel).catch(() => {}));
    subscriber.on('message', (_channel, text) => this.#received(text));
  }

  async stop(): Promise<void> {
    this.#publisher?.disconnect();
    this.#subscriber?.disconnect();
    this.#publisher = undefined;
    this.#subscriber = undefined;
  }

  show(updates: readonly LiveUpdate[]): void {
    const publisher = this.#publisher;
    if (publisher?.status !== 'ready' || this.#waiting >= waitingMax) {
      this.#counts.dropped += updates.length;
      return;
    }
    this.#waiting++;
    publisher
      .publish(channel, JSON.stringify(updates))
      .then(
        () => {
          this.#counts.shown += updates.length;
        },
        () => {
          this.#counts.dropped += updates.length;
        },
      )
      .finally(() => {
        this.#waiting--;
      });
  }

  stats(): Readonly<Record<string, number>> {
    return { ...this.#counts };
  }

  #received(text: string): void {
    let updates: LiveUpdate[];
    try {
      updates = JSON.parse(text) as LiveUpdate[];
    } catch {
      this.#counts.malformed++;
      return;
    }
    this.#counts.received += updates.length;
    this.#listener?.(updates);
  }
}
