/** What happens to an item when the queue is full: the new one is refused, or the oldest makes room. */
export type OverflowRule = 'refuse-new' | 'drop-oldest';

/**
 * A first-in first-out ring of fixed capacity. Overflow is a stated decision and is counted in `overflowed`,
 * so no queue in the product grows without bound or loses silently.
 */
export class BoundedQueue<T> {
  readonly #ring: (T | undefined)[];
  readonly #rule: OverflowRule;
  #head = 0;
  #length = 0;
  #overflowed = 0;

  constructor(capacity: number, rule: OverflowRule) {
    if (!Number.isInteger(capacity) || capacity < 1)
      throw new RangeError(`capacity must be a positive integer, got ${capacity}`);
    this.#ring = new Array<T | undefined>(capacity);
    this.#rule = rule;
  }

  get length(): number {
    return this.#length;
  }

  get capacity(): number {
    return this.#ring.length;
  }

  /** Items refused or displaced since the start. */
  get overflowed(): number {
    return this.#overflowed;
  }

  /** Adds at the tail. Returns false when the item was refused. */
  push(item: T): boolean {
    if (this.#length === this.#ring.length) {
      this.#overflowed++;
      if (this.#rule === 'refuse-new') return false;
      this.shift();
    }
    this.#ring[(this.#head + this.#length) % this.#ring.length] = item;
    this.#length++;
    return true;
  }

  /** Removes and returns the oldest item. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#ring[this.#head];
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) % this.#ring.length;
    this.#length--;
    return item;
  }

  peek(): T | undefined {
    return this.#length === 0 ? undefined : this.#ring[this.#head];
  }
}
