import type { DeviceLedger, Numbering } from './numbering.js';
import type { Run } from './run-set.js';
import type { Spans } from './spans.js';

/** Ranges listed in an answer; further ones are counted only. */
const rangesMax = 1_000;
/** Numberings listed in an answer, the newest; a device has one more for each restart without a memory. */
const numberingsMax = 100;

/** A range of numbers with one fate, or with none. */
export interface CompletenessRange {
  readonly epoch: number;
  readonly fate: 'missing' | 'dead_lettered' | 'lost';
  readonly fromSeq: number;
  readonly toSeq: number;
}

/** How many numbers had which fate. */
export interface Counts {
  readonly expected: number;
  readonly stored: number;
  readonly missing: number;
  readonly deadLettered: number;
  readonly lost: number;
  /** Of the device's whole life: a duplicate has no time of its own. */
  readonly duplicatesRefused: number;
}

/** One numbering, as far as it reaches into the time. */
export interface NumberingAccount {
  readonly epoch: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly stored: number;
}

/** What is known of a device's numbers between two times. */
export interface Completeness extends Counts {
  /** Everything that was expected and is not stored; at most 1,000 ranges. */
  readonly ranges: readonly CompletenessRange[];
  readonly rangesTruncated: boolean;
  /** Oldest first; at most the newest 100. */
  readonly numberings: readonly NumberingAccount[];
}

export const noAccount: Completeness = {
  expected: 0,
  stored: 0,
  missing: 0,
  deadLettered: 0,
  lost: 0,
  duplicatesRefused: 0,
  ranges: [],
  rangesTruncated: false,
  numberings: [],
};

/**
 * The account of a device: between the first and the last number seen in the time, per numbering, every number was
 * stored, dead-lettered or reported lost, or it is missing. Pure.
 */
export function accountOf(device: DeviceLedger, spans: Spans | undefined): Completeness {
  const sums = { expected: 0, stored: 0, missing: 0, deadLettered: 0, lost: 0, duplicatesRefused: 0 };
  const ranges: CompletenessRange[] = [];
  const numberings: NumberingAccount[] = [];
  for (const numbering of device.numberings) {
    sums.duplicatesRefused += numbering.duplicates;
    const span = spans?.get(numbering.epoch);
    if (span === undefined) continue;
    const { epoch } = numbering;
    const stored = numbering.decided[0].countWithin(span.first, span.last);
    numberings.push({ epoch, firstSeq: span.first, lastSeq: span.last, stored });
    sums.expected += span.last - span.first + 1;
    sums.stored += stored;
    const add = (fate: CompletenessRange['fate'], runs: Iterable<Run>): number => {
      let count = 0;
      for (const run of runs) {
        const fromSeq = Math.max(run.first, span.first);
        const toSeq = Math.min(run.last, span.last);
        if (fromSeq > toSeq) continue;
        count += toSeq - fromSeq + 1;
        ranges.push({ epoch, fate, fromSeq, toSeq });
      }
      return count;
    };
    const fates = absentRuns(numbering, span);
    sums.missing += add('missing', fates.missing);
    sums.deadLettered += add('dead_lettered', fates.deadLettered);
    sums.lost += add('lost', fates.lost);
  }
  return {
    ...sums,
    ranges: ranges.slice(0, rangesMax),
    rangesTruncated: ranges.length > rangesMax,
    numberings: numberings.slice(-numberingsMax),
  };
}

/** Only the figures of an account. */
export function countsOf(device: DeviceLedger | undefined, spans: Spans | undefined): Counts {
  const account = device === undefined ? noAccount : accountOf(device, spans);
  const { expected, stored, missing, deadLettered, lost, duplicatesRefused } = account;
  return { expected, stored, missing, deadLettered, lost, duplicatesRefused };
}

/** The runs of a span that are not stored. What was replayed, or was reported lost and came after all, is stored. */
function absentRuns(numbering: Numbering, span: Run) {
  const [stored, dead, lost] = numbering.decided;
  return {
    missing: numbering.missing(span.first, span.last),
    deadLettered: [...dead.runs(span.first)].flatMap((run) => stored.holes(run.first, run.last)),
    lost: [...lost.runs(span.first)].flatMap((run) => stored.holes(run.first, run.last)),
  };
}

/**
 * The share of expected numbers that arrived, 0 to 1; null where nothing was expected. A dead letter arrived: it is
 * kept with its reason, and is told beside the share.
 */
export function completenessOf({ expected, missing, lost }: Counts): number | null {
  return expected === 0 ? null : (expected - missing - lost) / expected;
}
