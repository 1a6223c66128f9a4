/** A closed range of numbers. */
export interface Run {
  readonly first: number;
  readonly last: number;
}

/**
 * An exact set of non-negative integers (below 2^53) as sorted, disjoint, non-touching runs: a run-length encoded
 * bitmap. A device that sends 1, 2, 3 ... is one run whatever its age, and the hot path - the number after the last
 * one - is O(1). Anything else is a binary search and at most one insertion.
 */
export class RunSet {
  /** first0, last0, first1, last1, ... */
  readonly #bounds: number[] = [];

  get runCount(): number {
    return this.#bounds.length / 2;
  }

  /** The greatest number in the set; 0 when it is empty. */
  get max(): number {
    return this.#bounds.length === 0 ? 0 : this.#bounds[this.#bounds.length - 1]!;
  }

  /** How many numbers are in the set. */
  get size(): number {
    let size = 0;
    for (let i = 0; i < this.#bounds.length; i += 2) size += this.#bounds[i + 1]! - this.#bounds[i]! + 1;
    return size;
  }

  has(n: number): boolean {
    const bounds = this.#bounds;
    const end = bounds.length;
    if (end === 0 || n > bounds[end - 1]!) return false;
    if (n >= bounds[end - 2]!) return true;
    const i = this.#runAtOrAfter(n);
    return i < end && bounds[i]! <= n;
  }

  /** Adds one number. Returns false when it was there already. */
  add(n: number): boolean {
    const bounds = this.#bounds;
    const end = bounds.length;
    if (end > 0 && n === bounds[end - 1]! + 1) {
      bounds[end - 1] = n;
      return true;
    }
    if (this.has(n)) return false;
    this.addRun(n, n);
    return true;
  }

  /** Adds every number from `first` to `last`, joining runs that touch. */
  addRun(first: number, last: number): void {
    const bounds = this.#bounds;
    const end = bounds.length;
    if (end > 0 && first > bounds[end - 2]! && first <= bounds[end - 1]! + 1) {
      if (last > bounds[end - 1]!) bounds[end - 1] = last;
      return;
    }
    if (end === 0 || first > bounds[end - 1]! + 1) {
      bounds.push(first, last);
      return;
    }
    const from = this.#runAtOrAfter(first - 1);
    let to = from;
    let low = first;
    let high = last;
    while (to < end && bounds[to]! <= last + 1) {
      low = Math.min(low, bounds[to]!);
      high = Math.max(high, bounds[to + 1]!);
      to += 2;
    }
    bounds.splice(from, to - from, low, high);
  }

  /** The runs, oldest first, that end at or after `from`. */
  *runs(from = 0): IterableIterator<Run> {
    for (let i = this.#runAtOrAfter(from); i < this.#bounds.length; i += 2)
      yield { first: this.#bounds[i]!, last: this.#bounds[i + 1]! };
  }

  /** The ranges of [first, last] that are not in the set. */
  holes(first: number, last: number): Run[] {
    const holes: Run[] = [];
    if (last < first) return holes;
    let next = first;
    for (const run of this.runs(first)) {
      if (run.first > last) break;
      if (run.first > next) holes.push({ first: next, last: run.first - 1 });
      next = Math.max(next, run.last + 1);
    }
    if (next <= last) holes.push({ first: next, last });
    return holes;
  }

  /** How many numbers of [first, last] are in the set. */
  countWithin(first: number, last: number): number {
    let count = 0;
    if (last < first) return 0;
    for (const run of this.runs(first)) {
      if (run.first > last) break;
      count += Math.min(last, run.last) - Math.max(first, run.first) + 1;
    }
    return count;
  }

  /** Index (of its first bound) of the first run that ends at or after `n`. */
  #runAtOrAfter(n: number): number {
    const bounds = this.#bounds;
    let low = 0;
    let high = bounds.length / 2;
    while (low < high) {
      const mid = (low + high) >>> 1;
      if (bounds[mid * 2 + 1]! < n) low = mid + 1;
      else high = mid;
    }
    return low * 2;
  }
}
