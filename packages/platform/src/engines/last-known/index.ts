import type { LastKnown, LastKnownOptions } from './last-known.js';
import { MemoryLastKnown } from './memory/engine.js';
import { RedisLastKnown } from './redis/engine.js';

export type { LastKnown, LastKnownOptions } from './last-known.js';

/** The engine that an address asks for: `redis://...`, or memory without one. */
export function createLastKnown(options: LastKnownOptions): LastKnown {
  return options.url === undefined ? new MemoryLastKnown() : new RedisLastKnown(options);
}
