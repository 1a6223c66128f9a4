import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChangeSet, runsPerNumberingMax } from './change-set.js';
import { type GapAction, GapWatch, reorderGraceMs, stepAcross } from './gap-watch.js';
import { decodeJournal, encodeJournal } from './journal.js';
import { Ledger } from './ledger.js';
import { firstInferredEpoch } from './numbering.js';

/** A ledger and a watch, driven batch by batch as ingest drives them. */
class Bench {
  readonly ledger = new Ledger();
  readonly watch = new GapWatch();
  readonly journal: { tenantId: number; changes: Buffer }[] = [];
  readonly gaps = new Map<number, { first: number; last: number; missing: number }>();
  silences = 0;
  nowMs = 1_000_000;
  #nextGap = 1;

  batch(rows: readonly { seq: number; ts: number; dead?: boolean }[]): string[] {
    const set = new ChangeSet();
    const device = this.ledger.device(1, 1);
    const claims = rows.map(({ seq, ts, dead }) => set.claim(device, -1, seq, ts, dead ? 1 : 0));
    this.journal.push({ tenantId: 1, changes: encodeJournal(set.changes, 1) });
    this.watch.observe(set.changes, this.nowMs);
    this.ledger.decide(set.changes);
    return claims;
  }

  advance(ms: number): void {
    this.nowMs += ms;
    for (const action of this.watch.due(this.nowMs)) this.#apply(action);
  }

  #apply(action: GapAction): void {
    if (action.type === 'silence') this.silences++;
    if (action.type === 'update-gap') this.gaps.get(action.gap.gapId)!.missing = action.missing;
    if (action.type !== 'open-gap') return;
    const { numbering, first, last, missing } = action;
    const gapId = this.#nextGap++;
    this.gaps.set(gapId, { first, last, missing });
    this.watch.opened({ gapId, numbering, first, last, missing, cause: 'unknown' });
  }
}

const at = (seq: number) => 1_700_000_000_000 + seq * 1_000;

describe('gaps', () => {
  it('once everything has come, are all closed, in whatever order and batches it came', () => {
    const orders = fc.integer({ min: 1, max: 60 }).chain((count) =>
      fc.record({
        order: fc.shuffledSubarray(
          Array.from({ length: count }, (_, i) => i + 1),
          { minLength: count, maxLength: count },
        ),
        sizes: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 60, maxLength: 60 }),
        pauses: fc.array(fc.constantFrom(0, 500, 4_000), { minLength: 60, maxLength: 60 }),
      }),
    );
    fc.assert(
      fc.property(orders, ({ order, sizes, pauses }) => {
        const bench = new Bench();
        const missingNow = new Set(order);
        for (let from = 0, i = 0; from < order.length; i++) {
          const part = order.slice(from, from + sizes[i]!);
          bench.batch(part.map((seq) => ({ seq, ts: at(seq) })));
          for (const seq of part) missingNow.delete(seq);
          from += part.length;
          bench.advance(pauses[i]!);
          if (pauses[i]! < reorderGraceMs) continue;
          // After the grace, the open gaps tell exactly the numbers below the newest that are missing.
          const top = Math.max(...order.slice(0, from));
          const told = [...bench.gaps.values()].reduce((sum, gap) => sum + gap.missing, 0);
          expect(told).toBe([...missingNow].filter((seq) => seq < top).length);
        }
        bench.advance(reorderGraceMs);
        expect([...bench.gaps.values()].filter((gap) => gap.missing > 0)).toEqual([]);
        expect(bench.watch.openGaps()).toEqual([]);
      }),
    );
  });

  it('do not open within the grace, and open after it', () => {
    const bench = new Bench();
    bench.batch([
      { seq: 1, ts: at(1) },
      { seq: 4, ts: at(4) },
    ]);
    bench.advance(reorderGraceMs - 1);
    expect(bench.gaps.size).toBe(0);
    bench.advance(1);
    expect([...bench.gaps.values()]).toEqual([{ first: 2, last: 3, missing: 2 }]);
  });

  it('do not count dead letters as missing', () => {
    const bench = new Bench();
    bench.batch([
      { seq: 1, ts: at(1) },
      { seq: 2, ts: at(2), dead: true },
      { seq: 3, ts: at(3) },
    ]);
    bench.advance(60_000);
    expect(bench.gaps.size).toBe(0);
  });
});

describe('silences', () => {
  it('are steps in time with no number missing, within a batch or between two', () => {
    const bench = new Bench();
    bench.batch([
      { seq: 1, ts: 1_000_000 },
      { seq: 2, ts: 1_200_000 },
    ]);
    bench.batch([
      { seq: 3, ts: 1_400_000 },
      { seq: 4, ts: 1_500_000 },
    ]);
    bench.batch([{ seq: 9, ts: 2_000_000 }]);
    bench.advance(0);
    expect(bench.silences).toBe(2);
  });
});

describe('the step that a restart left', () => {
  const readings = (...seconds: number[]) => seconds.reverse().map((second) => ({ ts: second * 1_000 }));
  const found = (list: { ts: number }[], second: number) => {
    const step = stepAcross(list, second * 1_000);
    return step === undefined ? undefined : [step.before.ts / 1_000, step.after.ts / 1_000];
  };

  it('spans the start, or ends shortly before it', () => {
    expect(found(readings(1, 2, 3, 14, 15, 16), 13)).toEqual([3, 14]);
    expect(found(readings(1, 2, 3, 14, 15, 16), 15.5)).toEqual([3, 14]);
    expect(found(readings(1, 2, 62, 63), 30)).toEqual([2, 62]);
  });

  it('is none without readings on both sides, and not a step of long before or after', () => {
    expect(found(readings(5), 5)).toBeUndefined();
    expect(found(readings(1, 2), 30)).toBeUndefined();
    expect(found(readings(1, 20, 40, 41, 42, 60), 41.5)).toEqual([20, 40]);
    expect(
      found(
        readings(1, 100, 101, 102, 150, 151, 152, 153, 154, 155, 156, 157, 158, 159, 160, 161, 162),
        161.5,
      ),
    ).not.toEqual([1, 100]);
  });
});

describe('the ledger', () => {
  it('after a crash is what the journal says, whatever was sent', () => {
    const row = fc.record({
      seq: fc.integer({ min: 1, max: 40 }),
      step: fc.integer({ min: 0, max: 2 }),
      dead: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(fc.array(row, { maxLength: 12 }), { maxLength: 12 }), (batches) => {
        const bench = new Bench();
        const naive = new Set<string>();
        for (const rows of batches) {
          const claims = bench.batch(rows.map(({ seq, dead }) => ({ seq, ts: at(seq), dead })));
          rows.forEach(({ seq }, i) => {
            expect(claims[i]).toBe(naive.has(`${seq}`) ? 'duplicate' : 'new');
            naive.add(`${seq}`);
          });
        }
        const heir = new Ledger();
        heir.restore([], [], bench.journal);
        const before = bench.ledger.find(1)?.numberings ?? [];
        const after = heir.find(1)?.numberings ?? [];
        expect(after.map((n) => [n.epoch, ...n.decided.map((set) => [...set.runs()])])).toEqual(
          before.map((n) => [n.epoch, ...n.decided.map((set) => [...set.runs()])]),
        );
        expect(after.map((n) => [n.duplicates, [...n.known.runs()]])).toEqual(
          before.map((n) => [n.duplicates, [...n.known.runs()]]),
        );
      }),
    );
  });

  it('keeps numberings with an epoch apart, and takes a fall with a later time as a restart', () => {
    const device = new Ledger().device(1, 1);
    const set = new ChangeSet();
    expect(set.claim(device, 7, 1, 1_000, 0)).toBe('new');
    expect(set.claim(device, 8, 1, 1_000, 0)).toBe('new');
    expect(set.claim(device, 7, 1, 1_000, 0)).toBe('duplicate');
    const other = new Ledger().device(1, 2);
    expect(set.claim(other, -1, 100, 1_000_000, 0)).toBe('new');
    expect(set.claim(other, -1, 100, 1_000_000, 0)).toBe('duplicate');
    // Late, and by its sender's clocks a little newer than the newest.
    expect(set.claim(other, -1, 99, 1_002_000, 0)).toBe('new');
    expect(set.numbering?.epoch).toBe(firstInferredEpoch);
    expect(set.claim(other, -1, 1, 1_060_000, 0)).toBe('new');
    expect(set.numbering?.epoch).toBe(firstInferredEpoch + 1);
  });

  it('refuses a number of its own beyond the bound, and still takes those that touch', () => {
    const device = new Ledger().device(1, 1);
    const set = new ChangeSet();
    for (let i = 0; i < runsPerNumberingMax; i++) set.claim(device, 1, 2 + i * 2, 1_000, 0);
    expect(set.claim(device, 1, runsPerNumberingMax * 2 + 100, 1_000, 0)).toBe('refused');
    expect(set.claim(device, 1, 3, 1_000, 0)).toBe('new');
    expect(set.claim(device, 1, 2, 1_000, 0)).toBe('duplicate');
  });

  it('writes a journal row that it can read, for numbers up to 2^53', () => {
    const set = new ChangeSet();
    const device = new Ledger().device(3, 4_000_000);
    const big = Number.MAX_SAFE_INTEGER - 5;
    set.claim(device, 0xffff_ffff, big, 1_790_000_000_123, 0);
    const [entry] = [...decodeJournal(encodeJournal(set.changes, 3))];
    expect(entry).toMatchObject({
      deviceNo: 4_000_000,
      epoch: 0xffff_ffff,
      first: big,
      last: big,
      newestTs: 1_790_000_000_123,
    });
    expect(() => [...decodeJournal(Buffer.from([9]))]).toThrow(/format 9/);
  });
});
