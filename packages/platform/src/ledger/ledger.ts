import { decide } from './change-set.js';
import { decodeJournal, type JournalEntry } from './journal.js';
import { type Change, DeviceLedger, type FateCode, type Numbering } from './numbering.js';

/** A run as `ledger_runs` holds it. */
export interface StoredRun {
  readonly tenantId: number;
  readonly deviceNo: number;
  readonly epoch: number;
  readonly fate: FateCode;
  readonly first: number;
  readonly last: number;
}

/** A numbering as `ledger_numberings` holds it; times in ms. */
export interface StoredNumbering {
  readonly tenantId: number;
  readonly deviceNo: number;
  readonly epoch: number;
  readonly startedTs: number;
  readonly newestTs: number;
  readonly duplicates: number;
}

/** Every device's numberings, in memory. The database's copy is a journal row a transaction and a checkpoint. */
export class Ledger {
  readonly #devices = new Map<number, DeviceLedger>();
  readonly #dirty = new Set<Numbering>();

  /** The device's ledger, made empty when it is new. */
  device(tenantId: number, deviceNo: number): DeviceLedger {
    let found = this.#devices.get(deviceNo);
    if (found === undefined) {
      found = new DeviceLedger(tenantId, deviceNo);
      this.#devices.set(deviceNo, found);
    }
    return found;
  }

  find(deviceNo: number): DeviceLedger | undefined {
    return this.#devices.get(deviceNo);
  }

  devices(): IterableIterator<DeviceLedger> {
    return this.#devices.values();
  }

  /** Forgets everything; whoever holds a `DeviceLedger` must ask for it again. */
  clear(): void {
    this.#devices.clear();
    this.#dirty.clear();
  }

  /** Makes the changes of a committed batch part of what is decided. */
  decide(changes: readonly Change[]): void {
    for (const change of changes) {
      decide(change);
      this.#dirty.add(change.numbering);
    }
  }

  /** The numberings that changed since the last call; the caller writes them. */
  takeDirty(): Numbering[] {
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    return dirty;
  }

  /** Gives numberings back whose checkpoint failed. */
  stillDirty(numberings: readonly Numbering[]): void {
    for (const numbering of numberings) this.#dirty.add(numbering);
  }

  /** Rebuilds the state before the listener opens: checkpointed numberings and runs, then the journal since. */
  restore(
    numberings: Iterable<StoredNumbering>,
    runs: Iterable<StoredRun>,
    journal: Iterable<{ readonly tenantId: number; readonly changes: Buffer }>,
  ): void {
    for (const row of numberings) {
      const numbering = this.device(row.tenantId, row.deviceNo).numbering(row.epoch, row.startedTs);
      numbering.duplicates = row.duplicates;
      numbering.newestTs = row.newestTs;
      numbering.decidedTs = row.newestTs;
    }
    for (const run of runs) {
      const numbering = this.device(run.tenantId, run.deviceNo).numbering(run.epoch, 0);
      numbering.decided[run.fate].addRun(run.first, run.last);
      if (run.fate !== 2) numbering.known.addRun(run.first, run.last);
    }
    for (const row of journal)
      for (const entry of decodeJournal(row.changes)) this.#replay(row.tenantId, entry);
    for (const device of this.#devices.values()) {
      device.latest = newest(device);
      for (const numbering of device.numberings) {
        numbering.watchedMax = numbering.decidedMax;
        numbering.watchedTs = numbering.decidedTs;
      }
    }
  }

  #replay(tenantId: number, entry: JournalEntry): void {
    const numbering = this.device(tenantId, entry.deviceNo).numbering(entry.epoch, entry.startedTs);
    if (entry.fate !== 2 && entry.last >= entry.first) numbering.known.addRun(entry.first, entry.last);
    if (entry.newestTs > numbering.newestTs) numbering.newestTs = entry.newestTs;
    const { fate, first, last, newestTs, duplicates } = entry;
    decide({ owner: this, numbering, fate, first, last, firstTs: newestTs, newestTs, duplicates });
    this.#dirty.add(numbering);
  }
}

/** The numbering that received the newest message. */
function newest(device: DeviceLedger): Numbering | undefined {
  return [...device.numberings].sort((a, b) => a.newestTs - b.newestTs).at(-1);
}
