import { silenceAfterMs } from './change-set.js';
import type { Change, Numbering } from './numbering.js';

/** How long numbers may be out of order before a hole is a gap, ms. */
export const reorderGraceMs = 3_000;
/** Holes that one jump may open as gaps of their own; more of them are one gap over the whole range. */
export const gapsPerJumpMax = 64;
/** Jumps and silences that wait for their grace; beyond this the oldest is decided at once. */
const waitingMax = 100_000;

/** A jump in the numbers: [first, last] did not come in their place. Times in ms. */
interface Jump {
  readonly numbering: Numbering;
  readonly first: number;
  readonly last: number;
  readonly fromTs: number;
  readonly toTs: number;
  readonly seenAt: number;
}

/** A gap that is open in the database. */
export interface OpenGap {
  readonly gapId: number;
  readonly numbering: Numbering;
  readonly first: number;
  readonly last: number;
  missing: number;
  readonly cause: string;
}

/** What should be written. */
export type GapAction =
  | {
      readonly type: 'open-gap';
      readonly numbering: Numbering;
      readonly first: number;
      readonly last: number;
      readonly missing: number;
      readonly fromTs: number;
      readonly toTs: number;
      /** The gateway said that these are lost (data_loss). */
      readonly reported: boolean;
    }
  | { readonly type: 'explain-gap'; readonly gap: OpenGap }
  | { readonly type: 'update-gap'; readonly gap: OpenGap; readonly missing: number }
  | {
      readonly type: 'silence';
      readonly numbering: Numbering;
      readonly fromTs: number;
      readonly toTs: number;
    };

/**
 * Decides when numbers are missing and when they have come after all, and when time passed without messages. Pure:
 * it sees committed changes and the time, and answers with what to write.
 */
export class GapWatch {
  readonly #jumps: Jump[] = [];
  readonly #ready: GapAction[] = [];
  readonly #open = new Map<Numbering, OpenGap[]>();
  readonly #touched = new Set<Numbering>();

  /** Takes the changes of a committed batch, before or after the ledger decided them. */
  observe(changes: readonly Change[], nowMs: number): void {
    for (const change of changes) {
      const { numbering, first, last, fate } = change;
      if (last < first) continue;
      if (fate === 2) {
        this.#observeLoss(change);
        continue;
      }
      this.#observeRun(change, nowMs);
      if (first <= numbering.watchedMax) this.#touched.add(numbering);
      if (last > numbering.watchedMax) numbering.watchedMax = last;
      if (change.newestTs > numbering.watchedTs) numbering.watchedTs = change.newestTs;
    }
  }

  /** Finds the holes of a restored ledger that no open gap tells of, as if they had just appeared. */
  restore(numberings: Iterable<Numbering>, open: readonly OpenGap[], nowMs: number): void {
    for (const gap of open) this.opened(gap);
    for (const numbering of numberings) {
      const known = this.#open.get(numbering) ?? [];
      for (const hole of numbering.missing(1, numbering.decidedMax)) {
        if (known.some((gap) => gap.first <= hole.first && hole.last <= gap.last)) continue;
        const ts = numbering.decidedTs;
        this.#wait({ numbering, ...hole, fromTs: ts, toTs: ts, seenAt: nowMs });
      }
    }
    for (const numbering of this.#open.keys()) this.#touched.add(numbering);
  }

  /** Notes a gap that now has a row. */
  opened(gap: OpenGap): void {
    const list = this.#open.get(gap.numbering);
    if (list === undefined) this.#open.set(gap.numbering, [gap]);
    else list.push(gap);
  }

  /** The gaps open now. */
  openGaps(): OpenGap[] {
    return [...this.#open.values()].flat();
  }

  /** What is due at this time. Each action is given once. */
  due(nowMs: number): GapAction[] {
    const actions: GapAction[] = this.#ready.splice(0);
    while (
      this.#jumps.length > 0 &&
      (nowMs - this.#jumps[0]!.seenAt >= reorderGraceMs || this.#jumps.length > waitingMax)
    )
      actions.push(...opening(this.#jumps.shift()!));
    for (const numbering of this.#touched) actions.push(...this.#updates(numbering));
    this.#touched.clear();
    return actions;
  }

  #observeRun(change: Change, nowMs: number): void {
    const { numbering, first, firstTs } = change;
    const { watchedMax, watchedTs } = numbering;
    if (first > watchedMax + 1) {
      const fromTs = watchedTs > 0 ? watchedTs : firstTs;
      this.#wait({
        numbering,
        first: watchedMax + 1,
        last: first - 1,
        fromTs,
        toTs: Math.max(fromTs, firstTs),
        seenAt: nowMs,
      });
    } else if (first === watchedMax + 1 && watchedTs > 0 && firstTs - watchedTs > silenceAfterMs)
      this.#ready.push({ type: 'silence', numbering, fromTs: watchedTs, toTs: firstTs });
  }

  /** Lost numbers explain the gaps that are open for them; the rest of them is a gap of its own. */
  #observeLoss({ numbering, first, last, firstTs, newestTs }: Change): void {
    let next = first;
    const overlapping = (this.#open.get(numbering) ?? [])
      .filter((gap) => gap.first <= last && first <= gap.last)
      .sort((a, b) => a.first - b.first);
    const open = (from: number, to: number) => {
      if (from > to) return;
      const missing = to - from + 1;
      const range = { numbering, first: from, last: to, missing, fromTs: firstTs, toTs: newestTs };
      this.#ready.push({ type: 'open-gap', ...range, reported: true });
    };
    for (const gap of overlapping) {
      open(next, Math.min(last, gap.first - 1));
      if (gap.cause !== 'data_loss') this.#ready.push({ type: 'explain-gap', gap });
      next = Math.max(next, gap.last + 1);
    }
    open(next, last);
  }

  #wait(jump: Jump): void {
    this.#jumps.push(jump);
  }

  #updates(numbering: Numbering): GapAction[] {
    const list = this.#open.get(numbering);
    if (list === undefined) return [];
    const actions: GapAction[] = [];
    for (const gap of list) {
      const missing = absent(numbering, gap.first, gap.last);
      if (missing === gap.missing) continue;
      gap.missing = missing;
      actions.push({ type: 'update-gap', gap, missing });
    }
    const still = list.filter((gap) => gap.missing > 0);
    if (still.length > 0) this.#open.set(numbering, still);
    else this.#open.delete(numbering);
    return actions;
  }
}

function opening({ numbering, first, last, fromTs, toTs }: Jump): GapAction[] {
  const holes = numbering.missing(first, last);
  const ranges =
    holes.length > gapsPerJumpMax ? [{ first: holes[0]!.first, last: holes.at(-1)!.last }] : holes;
  return ranges.map((range) => ({
    type: 'open-gap' as const,
    numbering,
    ...range,
    missing: absent(numbering, range.first, range.last),
    fromTs,
    toTs,
    reported: false,
  }));
}

/** Numbers of the range that are neither stored nor dead-lettered; lost ones are still absent. */
export function absent(numbering: Numbering, first: number, last: number): number {
  const [stored, dead] = numbering.decided;
  let count = 0;
  // A replayed dead letter is in both, so the two cannot be subtracted one after the other.
  for (const hole of stored.holes(first, last))
    count += hole.last - hole.first + 1 - dead.countWithin(hole.first, hole.last);
  return count;
}

/** A gateway's first reading after a start may be stamped a little before the event that tells of the start. */
const startJitterMs = 10_000;

/**
 * The step in time between two readings that a restart at `ts` left: the longest one that ends at or shortly before
 * it, or spans it. `readings` newest first. Undefined where there is no reading on both sides.
 */
export function stepAcross<R extends { readonly ts: number }>(
  readings: readonly R[],
  ts: number,
): { before: R; after: R } | undefined {
  let longest: { before: R; after: R } | undefined;
  for (let i = 0; i + 1 < readings.length; i++) {
    const after = readings[i]!;
    const before = readings[i + 1]!;
    if (after.ts < ts - startJitterMs) break;
    if (before.ts > ts) continue;
    if (longest === undefined || after.ts - before.ts > longest.after.ts - longest.before.ts)
      longest = { before, after };
  }
  return longest;
}
