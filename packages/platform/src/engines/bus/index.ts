import type { Bus, BusOptions } from './bus.js';
import { EmbeddedBus } from './embedded/engine.js';
import { KafkaBus } from './kafka/engine.js';

export type { Bus, BusOptions, BusSink } from './bus.js';

/** The engine that an address asks for: `kafka://...`, or the embedded one without an address. */
export function createBus(options: BusOptions): Bus {
  return options.url === undefined ? new EmbeddedBus(options) : new KafkaBus(options);
}
