/** Something that holds back its writes until the end of the turn. */
export interface Corked {
  uncork(): void;
}

/**
 * Ends the holding back of all sockets once a turn of the event loop, after every readable socket was read: a
 * subscriber of a thousand publishers gets one write for all of them, not one for each.
 */
export class WriteTurn {
  #held: Corked[] = [];

  /** Calls `uncork` at the end of this turn. */
  hold(corked: Corked): void {
    if (this.#held.length === 0) setImmediate(() => this.#end());
    this.#held.push(corked);
  }

  #end(): void {
    const held = this.#held;
    this.#held = [];
    for (const each of held) each.uncork();
  }
}
