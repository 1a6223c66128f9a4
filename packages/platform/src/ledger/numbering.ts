import { RunSet } from './run-set.js';

/** What became of a numbered message. The numbers are stored (`ledger_runs.fate`) and never change. */
export const Fate = { stored: 0, deadLettered: 1, lost: 2 } as const;
export type FateCode = 0 | 1 | 2;

/**
 * Numberings without `meta.epoch` are kept apart from those with one: the first is 2^32, and each restart that is
 * inferred (decisions: seq falls, ts does not) takes the next number.
 */
export const firstInferredEpoch = 2 ** 32;

/** By how much a late message's time may lie after the newest one's without being taken for a restart. */
const clockJitterMs = 5_000;

/**
 * One numbering of one device: every `seq` whose fate is decided. `known` includes what is on its way to the
 * database and answers "is it a duplicate"; `decided` holds only what is committed, and is what a checkpoint writes:
 * a number that was never committed must not look stored after a crash.
 */
export class Numbering {
  readonly known = new RunSet();
  readonly decided: readonly [RunSet, RunSet, RunSet] = [new RunSet(), new RunSet(), new RunSet()];
  /** Lowest number by fate that changed since the last checkpoint; Infinity = nothing did. */
  readonly dirtyFrom: [number, number, number] = [
    Number.POSITIVE_INFINITY,
    Number.POSITIVE_INFINITY,
    Number.POSITIVE_INFINITY,
  ];
  dirty = false;
  /** Greatest `ts` claimed, on its way or committed, ms. */
  newestTs = 0;
  /** Greatest committed `ts`, ms. */
  decidedTs = 0;
  duplicates = 0;
  /** Greatest number and time that the gap watch has seen; see gap-watch.ts. */
  watchedMax = 0;
  watchedTs = 0;
  /** The change that the open batch last made here; see `ChangeSet`. */
  openChange: Change | undefined;

  constructor(
    readonly device: DeviceLedger,
    readonly epoch: number,
    /** `ts` of the message that began it, ms; 0 where nothing began it but the first message of all. */
    readonly startedTs: number,
  ) {}

  /** Greatest committed number of any fate. */
  get decidedMax(): number {
    return Math.max(this.decided[0].max, this.decided[1].max);
  }

  /** The numbers of [first, last] that have no fate: neither stored nor dead-lettered nor reported lost. */
  missing(first: number, last: number): { first: number; last: number }[] {
    const [stored, dead, lost] = this.decided;
    let holes = stored.holes(first, last);
    if (dead.runCount > 0) holes = holes.flatMap((hole) => dead.holes(hole.first, hole.last));
    if (lost.runCount > 0) holes = holes.flatMap((hole) => lost.holes(hole.first, hole.last));
    return holes;
  }
}

/** One run of numbers that got the same fate in one batch, or a count of duplicates. */
export interface Change {
  readonly owner: object;
  readonly numbering: Numbering;
  readonly fate: FateCode;
  first: number;
  /** `first - 1` where only duplicates were counted. */
  last: number;
  /** `ts` of the row with the number `first`, and the greatest one, ms. */
  readonly firstTs: number;
  newestTs: number;
  duplicates: number;
}

/** All numberings of one device; nearly always one. */
export class DeviceLedger {
  readonly numberings: Numbering[] = [];
  /** The one that the last message was in. */
  latest: Numbering | undefined;

  constructor(
    readonly tenantId: number,
    readonly deviceNo: number,
  ) {}

  /** The numbering of an epoch, made when it is new. */
  numbering(epoch: number, startedTs: number): Numbering {
    for (const each of this.numberings) if (each.epoch === epoch) return each;
    const made = new Numbering(this, epoch, startedTs);
    this.numberings.push(made);
    this.numberings.sort((a, b) => a.epoch - b.epoch);
    return made;
  }

  /**
   * The numbering a message belongs to. With an epoch it is told; without one, a number that falls while the time
   * does not is a restart, and a message older than the restart belongs to the numbering before it.
   */
  choose(epoch: number, seq: number, ts: number): Numbering {
    const latest = this.latest;
    if (epoch >= 0) {
      if (latest !== undefined && latest.epoch === epoch) return latest;
      this.latest = this.numbering(epoch, ts);
      return this.latest;
    }
    if (latest !== undefined && latest.epoch >= firstInferredEpoch) {
      if (seq > latest.known.max && ts >= latest.startedTs) return latest;
      return this.#chooseInferred(latest, seq, ts);
    }
    this.latest = this.#newestInferred() ?? this.numbering(firstInferredEpoch, 0);
    return this.choose(-1, seq, ts);
  }

  #chooseInferred(latest: Numbering, seq: number, ts: number): Numbering {
    if (ts < latest.startedTs) {
      const older = this.numberings.filter((n) => n.epoch >= firstInferredEpoch && n.startedTs <= ts);
      return older.at(-1) ?? latest;
    }
    // A copy of a known message is never newer than the newest; a late one may be, by what its sender's clocks differ.
    const later = latest.known.has(seq) ? ts > latest.newestTs : ts > latest.newestTs + clockJitterMs;
    if (latest.known.max > 0 && seq <= latest.known.max && later) {
      this.latest = this.numbering(latest.epoch + 1, ts);
      return this.latest;
    }
    return latest;
  }

  #newestInferred(): Numbering | undefined {
    const newest = this.numberings.at(-1);
    return newest !== undefined && newest.epoch >= firstInferredEpoch ? newest : undefined;
  }
}
