import { copyFileSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Envelope, EventEnvelope, GatewayEvent } from '@millrace/contracts';
import { seededRandom, silentLogger } from '@millrace/foundation';
import { ManualClock, type TempDir, tempDir } from '@millrace/testing';
import { DatabaseSync } from '@photostructure/sqlite';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { draftOf, samplePlan } from '../peer.js';
import { Outbox, type OutboxOptions, type TakenRow } from './outbox.js';

const plan = samplePlan();
const retention = {
  sentKeepMs: 24 * 3_600_000,
  unsentKeepMs: 72 * 3_600_000,
  sizeLimitBytes: 64 * 1024 * 1024,
};

let folder: TempDir;
const open: Outbox[] = [];

beforeEach(() => {
  folder = tempDir('outbox');
});
afterEach(() => {
  for (const outbox of open.splice(0)) outbox.close();
  folder.remove();
});

function make(clock: ManualClock, name = 'outbox.db', more: Partial<OutboxOptions> = {}): Outbox {
  const outbox = new Outbox({
    file: join(folder.path, name),
    plan,
    retention,
    lingerMs: 40,
    memoryRows: 1000,
    clock,
    random: seededRandom(7),
    logger: silentLogger,
    onStored: () => {},
    ...more,
  });
  open.push(outbox);
  return outbox;
}

interface StoredRow {
  readonly id: number;
  readonly lane: number;
  readonly device_id: string;
  readonly seq: number | null;
  readonly sent_ms: number | null;
  readonly payload: string;
}

function rowsOf(file: string): StoredRow[] {
  const database = new DatabaseSync(file);
  const rows = database.prepare('SELECT * FROM outbox ORDER BY id').all() as unknown as StoredRow[];
  database.close();
  return rows;
}

function eventsOf(rows: readonly { readonly payload: string }[]): GatewayEvent[] {
  return rows.flatMap((row) => {
    const message = JSON.parse(row.payload) as Partial<EventEnvelope>;
    return message.event ? [message.event] : [];
  });
}

/** What a kill leaves: every byte that was written reached the operating system, nothing else did. */
function killedCopy(name: string, copy: string): string {
  for (const suffix of ['', '-wal']) {
    const from = join(folder.path, name + suffix);
    if (existsSync(from)) copyFileSync(from, join(folder.path, copy + suffix));
  }
  return join(folder.path, copy);
}

type Step =
  | { readonly kind: 'append'; readonly device: 'P-101' | 'P-102'; readonly count: number }
  | { readonly kind: 'send'; readonly count: number; readonly refuse: boolean }
  | { readonly kind: 'disconnect' }
  | { readonly kind: 'flush' }
  | { readonly kind: 'kill' }
  | { readonly kind: 'stop' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('append' as const),
    device: fc.constantFrom('P-101' as const, 'P-102' as const),
    count: fc.integer({ min: 1, max: 5 }),
  }),
  fc.record({
    kind: fc.constant('send' as const),
    count: fc.integer({ min: 1, max: 8 }),
    refuse: fc.boolean(),
  }),
  fc.record({
    kind: fc.constantFrom('disconnect' as const, 'flush' as const, 'kill' as const, 'stop' as const),
  }),
);

describe('the outbox', () => {
  it('numbers every stored message without hole or repetition, whenever it is killed', () => {
    let run = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 40 }), (steps) => {
        const clock = new ManualClock();
        let name = `run-${run++}.db`;
        let outbox = make(clock, name);
        outbox.open();
        const delivered = new Set<string>();
        const acknowledged = new Set<string>();
        for (const [i, action] of steps.entries()) {
          clock.advance(1);
          if (action.kind === 'append') {
            const drafts = Array.from({ length: action.count }, () =>
              draftOf(plan, action.device, clock.nowMs(), i),
            );
            outbox.addTelemetry(drafts);
          } else if (action.kind === 'send') {
            for (const row of outbox.take(action.count)) {
              delivered.add(row.payload);
              if (!action.refuse) acknowledged.add(row.payload);
              outbox.settle(row, action.refuse ? 0x89 : 0);
            }
          } else if (action.kind === 'disconnect') outbox.forgetInFlight();
          else if (action.kind === 'flush') outbox.flush();
          else {
            const next = `run-${run++}.db`;
            if (action.kind === 'stop') outbox.close();
            killedCopy(name, next);
            outbox.close();
            name = next;
            outbox = make(clock, name);
            expect(outbox.open().previous).toBe(action.kind === 'stop' ? 'orderly' : 'crash');
          }
        }
        outbox.close();
        const rows = rowsOf(join(folder.path, name));
        for (const device of ['P-101', 'P-102']) {
          const numbers = rows.filter((row) => row.device_id === device).map((row) => row.seq);
          expect(numbers).toEqual(numbers.map((_, at) => at + 1));
        }
        // What left was stored first, and stays stored under the same number.
        const payloads = new Set(rows.map((row) => row.payload));
        for (const payload of delivered) expect(payloads.has(payload)).toBe(true);
        for (const row of rows) if (row.sent_ms !== null) expect(acknowledged.has(row.payload)).toBe(true);
        const ids = rows.map((row) => (JSON.parse(row.payload) as Envelope).msg_id);
        expect(new Set(ids).size).toBe(ids.length);
      }),
      { numRuns: 40 },
    );
  });

  it('gives rows oldest first, events before telemetry, and none twice while in flight', () => {
    const clock = new ManualClock();
    const outbox = make(clock);
    outbox.open();
    outbox.addTelemetry([1, 2, 3].map((value) => draftOf(plan, 'P-101', clock.nowMs(), value)));
    outbox.addEvent({ type: 'gateway_stopping', reason: 'test' });
    clock.advance(40);
    const first = outbox.take(2);
    const rest = outbox.take(10);
    expect(outbox.take(10)).toEqual([]);
    const seqs = [...first, ...rest].map((row) => (JSON.parse(row.payload) as Partial<Envelope>).seq);
    expect(seqs).toEqual([undefined, 1, 2, 3]);
    outbox.forgetInFlight();
    expect(outbox.take(10).map((row) => row.id)).toEqual([...first, ...rest].map((row) => row.id));
  });

  it('lets a refused message wait min(30 s * 2^n) without holding up those behind it', () => {
    const clock = new ManualClock();
    const outbox = make(clock);
    outbox.open();
    outbox.addTelemetry([1, 2, 3].map((value) => draftOf(plan, 'P-101', clock.nowMs(), value)));
    clock.advance(40);
    const [first, ...others] = outbox.take(10);
    outbox.settle(first!, 0x97);
    for (const row of others) outbox.settle(row, 0);
    clock.advance(40);
    const again = (): TakenRow | undefined => {
      outbox.forgetInFlight();
      return outbox.take(10)[0];
    };
    clock.advance(29_000);
    expect(again()).toBeUndefined();
    clock.advance(1_000);
    const second = again()!;
    expect(second.id).toBe(first!.id);
    outbox.settle(second, 0x97);
    clock.advance(40 + 59_900);
    expect(again()).toBeUndefined();
    clock.advance(200);
    expect(again()?.attempts).toBe(2);
    expect(outbox.stats()).toMatchObject({ unsent: 1, sent: 2, refused: 2 });
  });

  it('keeps sent rows 24 h and unsent ones 72 h, and reports what it drops with device, tags, numbers and times', () => {
    const clock = new ManualClock();
    const outbox = make(clock);
    outbox.open();
    const began = clock.nowMs();
    outbox.addTelemetry([1, 2, 3, 4].map((value) => draftOf(plan, 'P-101', clock.nowMs(), value)));
    clock.advance(40);
    const [sent] = outbox.take(1);
    outbox.settle(sent!, 0);
    clock.advance(40);
    clock.stepWall(24 * 3_600_000 + 60_000);
    clock.advance(10_000);
    expect(outbox.stats()).toMatchObject({ unsent: 3, expired: 1, lost: 0 });
    outbox.addTelemetry([draftOf(plan, 'P-101', clock.nowMs(), 5)]);
    clock.advance(40);
    clock.stepWall(48 * 3_600_000);
    clock.advance(10_000);
    outbox.close();
    const rows = rowsOf(join(folder.path, 'outbox.db'));
    expect(rows.filter((row) => row.seq !== null).map((row) => row.seq)).toEqual([5]);
    expect(eventsOf(rows)).toEqual([
      {
        type: 'data_loss',
        device_id: 'P-101',
        cause: 'age_limit',
        count: 3,
        epoch: expect.any(Number),
        seq_from: 2,
        seq_to: 4,
        ts_from: began,
        ts_to: began,
        tags: ['pressure_bar'],
      },
    ]);
  });

  it('drops the oldest above its size limit, and accounts for every number', () => {
    const clock = new ManualClock();
    const small = { ...retention, sizeLimitBytes: 1024 * 1024 };
    const outbox = make(clock, 'outbox.db', { retention: small, memoryRows: 500 });
    outbox.open();
    for (let i = 0; i < 6000; i++) {
      outbox.addTelemetry([draftOf(plan, 'P-101', clock.nowMs(), i)]);
      clock.advance(20);
    }
    clock.advance(60_000);
    expect(outbox.stats().lost).toBeGreaterThan(0);
    expect(outbox.stats().bytes).toBeLessThanOrEqual(small.sizeLimitBytes * 1.25);
    outbox.close();
    const rows = rowsOf(join(folder.path, 'outbox.db'));
    const kept = rows.flatMap((row) => (row.seq === null ? [] : [row.seq]));
    const covered = new Set(kept);
    for (const event of eventsOf(rows)) {
      if (event.type !== 'data_loss') continue;
      expect(event.count).toBe(event.seq_to - event.seq_from + 1);
      for (let seq = event.seq_from; seq <= event.seq_to; seq++) covered.add(seq);
    }
    expect(covered.size).toBe(6000);
    expect(Math.max(...kept)).toBe(6000);
  });

  it('holds a bounded number in memory while the disk is full, and leaves numbers for what did not fit', () => {
    const clock = new ManualClock();
    const outbox = make(clock, 'outbox.db', {
      retention: { ...retention, sizeLimitBytes: 200 * 1024 },
      memoryRows: 50,
    });
    outbox.open();
    for (let i = 0; i < 2000; i++) {
      outbox.addTelemetry([draftOf(plan, 'P-102', clock.nowMs(), i)]);
      outbox.flush();
    }
    expect(outbox.stats().writeFailures).toBeGreaterThan(0);
    expect(outbox.stats().waiting).toBe(50);
    clock.advance(30_000);
    expect(outbox.stats().waiting).toBe(0);
    outbox.close();
    const losses = eventsOf(rowsOf(join(folder.path, 'outbox.db'))).filter(
      (event) => event.type === 'data_loss',
    );
    expect(losses.some((event) => event.cause === 'disk_full' && event.count > 1000)).toBe(true);
  });

  it('empties a full file again when everything in it was in flight and is acknowledged', () => {
    const clock = new ManualClock();
    const outbox = make(clock, 'outbox.db', {
      retention: { ...retention, sizeLimitBytes: 160 * 1024 },
      memoryRows: 40,
    });
    outbox.open();
    // Within the ten seconds between two runs of the retention, so that only the hard limit is met.
    while (outbox.stats().writeFailures === 0) {
      outbox.addTelemetry([draftOf(plan, 'P-101', clock.nowMs(), 1)]);
      outbox.flush();
    }
    const inFlight = outbox.take(10_000);
    clock.advance(20_000);
    expect(outbox.stats().waiting).toBeGreaterThan(0);
    for (const row of inFlight) outbox.settle(row, 0);
    clock.advance(20_000);
    expect(outbox.stats()).toMatchObject({ waiting: 0, lost: 0 });
    expect(outbox.stats().unsent).toBeLessThan(inFlight.length);
  });

  it('sets a broken file aside and begins a new numbering, with an event for every device', () => {
    const clock = new ManualClock();
    const before = make(clock);
    before.open();
    const epoch = before.stats().epoch;
    before.close();
    writeFileSync(join(folder.path, 'outbox.db'), Buffer.alloc(50_000, 'not a database '));
    const outbox = make(clock, 'outbox.db', { random: seededRandom(8) });
    expect(outbox.open().previous).toBe('crash');
    expect(outbox.stats().epoch).not.toBe(epoch);
    clock.advance(100);
    expect(eventsOf(outbox.take(10))).toMatchObject([
      { type: 'data_loss', device_id: 'P-101', cause: 'corruption', count: 0 },
      { type: 'data_loss', device_id: 'P-102', cause: 'corruption', count: 0 },
    ]);
    expect(readdirSync(folder.path).some((name) => name.startsWith('outbox.db.broken-'))).toBe(true);
  });

  it('holds what was stamped by an unset clock, and corrects it exactly when time arrives', () => {
    const clock = new ManualClock(Date.UTC(1970, 0, 1, 0, 5));
    const outbox = make(clock);
    outbox.open();
    const wrong = clock.nowMs();
    outbox.addTelemetry([draftOf(plan, 'P-101', wrong, 1)]);
    clock.advance(90_000);
    expect(outbox.take(10)).toEqual([]);
    const step = Date.UTC(2026, 5, 1) - clock.nowMs();
    clock.stepWall(step);
    outbox.addTelemetry([draftOf(plan, 'P-101', clock.nowMs(), 2)]);
    clock.advance(40);
    const messages = outbox.take(10).map((row) => JSON.parse(row.payload) as Envelope);
    expect(messages.map((message) => message.seq)).toEqual([1, 2]);
    expect(messages[0]!.ts).toBe(wrong + step);
    expect(messages[0]!.meta?.source_ts).toBe(wrong);
  });
});
