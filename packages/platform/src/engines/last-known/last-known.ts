import type { Logger, Service } from '@millrace/foundation';
import type { LiveUpdate } from '../../live/index.js';

export interface LastKnownOptions {
  /** `redis://host:port`; not used by the engine in memory. */
  readonly url: string | undefined;
  readonly logger: Logger;
}

/**
 * How last-known values come from the processes that commit them to those that show them. An update may be lost:
 * who shows reads the database too, a second later. It is never shown before its commit.
 */
export interface LastKnown extends Service {
  /** Shows others what was committed here. */
  show(updates: readonly LiveUpdate[]): void;
  /** Calls with what other processes committed. One listener. */
  onShown(listener: (updates: readonly LiveUpdate[]) => void): void;
  stats(): Readonly<Record<string, number>>;
}
