import type { LastKnown } from '../last-known.js';

/** One process commits and shows, so there is nobody to tell. */
export class MemoryLastKnown implements LastKnown {
  async start(): Promise<void> {}

  async stop(): Promise<void> {}

  show(): void {}

  onShown(): void {}

  stats(): Readonly<Record<string, number>> {
    return {};
  }
}
