import type { Ingress } from '@millrace/mqtt';
import type { Bus, BusOptions, BusSink } from '../bus.js';

/** A direct call: broker and river are one process, and the river settles when PostgreSQL has the batch. */
export class EmbeddedBus implements Bus {
  readonly #sink: BusSink | undefined;

  constructor(options: BusOptions) {
    this.#sink = options.sink;
  }

  get ingress(): Ingress {
    if (this.#sink === undefined) throw new Error('The embedded bus needs the ingest role in this process.');
    return this.#sink.ingress;
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {}

  stats(): Readonly<Record<string, number>> {
    return {};
  }
}
