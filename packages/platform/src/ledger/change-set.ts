import type { Change, DeviceLedger, FateCode, Numbering } from './numbering.js';

/** Runs a numbering may have before messages that would add one are refused (see README.md). */
export const runsPerNumberingMax = 65_536;

/** Time between two numbers that follow each other, above which it is a silence: three times max_interval_s (60 s). */
export const silenceAfterMs = 180_000;

export type Claim = 'new' | 'duplicate' | 'refused';

/**
 * What one batch changes in the ledger. `claim` marks numbers as known at once, so that the next batch sees them
 * while this one is on its way to the database; `decide` is called when it is committed. A batch is retried until
 * it is committed, so a claim is never taken back while the process lives, and a process that dies forgets it.
 */
export class ChangeSet {
  readonly changes: Change[] = [];
  /** The numbering of the last claim. */
  numbering: Numbering | undefined;

  /** Claims one number. `epoch` -1 = the message named none. `ts` in ms. */
  claim(device: DeviceLedger, epoch: number, seq: number, ts: number, fate: FateCode): Claim {
    const numbering = device.choose(epoch, seq, ts);
    this.numbering = numbering;
    const { known } = numbering;
    if (known.runCount >= runsPerNumberingMax && addsRun(numbering, seq)) return 'refused';
    const open = numbering.openChange;
    const mine = open !== undefined && open.owner === this;
    if (!known.add(seq)) {
      if (mine) open.duplicates++;
      else this.#open(numbering, fate, seq, seq - 1, ts).duplicates++;
      return 'duplicate';
    }
    if (ts > numbering.newestTs) numbering.newestTs = ts;
    // A step in time within a run is a silence; it ends the change so that the gap watch sees it.
    const steps = mine && ts - open.newestTs > silenceAfterMs;
    if (mine && !steps && open.fate === fate && open.last + 1 === seq && open.last >= open.first) {
      open.last = seq;
      if (ts > open.newestTs) open.newestTs = ts;
    } else this.#open(numbering, fate, seq, seq, ts);
    return 'new';
  }

  /**
   * Gives the number of a dead letter the fate stored, for its replay. It stays among the dead-lettered ones too, as
   * a trace: whoever counts takes stored before dead-lettered. `duplicate` when it is stored already.
   */
  claimReplayed(device: DeviceLedger, epoch: number, seq: number, ts: number): Claim {
    const numbering = device.numbering(epoch, 0);
    this.numbering = numbering;
    if (numbering.decided[0].has(seq)) return 'duplicate';
    numbering.known.add(seq);
    this.#open(numbering, 0, seq, seq, ts);
    // An old number and its old time must not be continued by the messages of today.
    numbering.openChange = undefined;
    return 'new';
  }

  /** Adds a range that a gateway reported as lost; numbers that arrived after all keep their fate. */
  reportLost(
    numbering: Numbering,
    range: { readonly first: number; readonly last: number },
    fromTs: number,
    toTs: number,
  ): void {
    for (const hole of numbering.known.holes(range.first, range.last))
      for (const { first, last } of numbering.decided[2].holes(hole.first, hole.last))
        this.#open(numbering, 2, first, last, fromTs).newestTs = toTs;
  }

  /** Gives a number that this batch claimed as stored the fate of a dead letter. */
  turnDead(device: DeviceLedger, epoch: number, seq: number): void {
    const at = this.changes.findIndex(
      ({ numbering, fate, first, last }) =>
        numbering.device === device && numbering.epoch === epoch && fate === 0 && first <= seq && seq <= last,
    );
    const change = this.changes[at];
    if (change === undefined) return;
    const { numbering, firstTs } = change;
    const after = { ...change, first: seq + 1, duplicates: 0 };
    change.last = seq - 1;
    numbering.openChange = undefined;
    if (after.first <= after.last) this.changes.push(after);
    this.#open(numbering, 1, seq, seq, firstTs);
  }

  #open(numbering: Numbering, fate: FateCode, first: number, last: number, ts: number): Change {
    const change: Change = {
      owner: this,
      numbering,
      fate,
      first,
      last,
      firstTs: ts,
      newestTs: ts,
      duplicates: 0,
    };
    numbering.openChange = change;
    this.changes.push(change);
    return change;
  }
}

/** Whether the number touches no run, so that it would need one of its own. */
function addsRun(numbering: Numbering, seq: number): boolean {
  return !numbering.known.has(seq) && !numbering.known.has(seq - 1) && !numbering.known.has(seq + 1);
}

/** Makes a committed change part of what is decided. */
export function decide(change: Change): void {
  const { numbering, fate, first, last } = change;
  numbering.dirty = true;
  numbering.duplicates += change.duplicates;
  if (numbering.openChange === change) numbering.openChange = undefined;
  if (last < first) return;
  numbering.decided[fate].addRun(first, last);
  if (first < numbering.dirtyFrom[fate]) numbering.dirtyFrom[fate] = first;
  if (fate !== 2 && change.newestTs > numbering.decidedTs) numbering.decidedTs = change.newestTs;
}
