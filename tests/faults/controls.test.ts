import { startTestPostgres, type TestPostgres } from '@millrace/testing';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Findings, violations } from './support/check.js';
import type { Script } from './support/script.js';
import { runScript } from './support/world.js';

// What the seeded tests would say of products that break the promise. Were these to pass, the seeds would prove nothing.

let server: TestPostgres;

beforeAll(async () => {
  server = await startTestPostgres();
});

afterAll(async () => {
  await server?.remove();
});

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: server.url() });
  // A server that is killed says so outside of any query.
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** Seed numbers far from those of the seeded tests, each with devices of its own. */
const script = (seed: number, steps: Script['steps']): Script => ({
  seed: 1_000_000 + seed,
  lengthMs: 3_000,
  outboxBytes: 64 * 1024 * 1024,
  memoryRows: 1_000,
  inFlight: 300,
  burst: 8,
  steps,
});

const killUnderLoad: Script['steps'] = [
  { atMs: 500, fault: { kind: 'database_slow', forMs: 1_000, latencyMs: 100 } },
  { atMs: 1_200, fault: { kind: 'platform_kill', downMs: 100, deliver: false } },
];
const redelivery: Script['steps'] = [
  { atMs: 1_000, fault: { kind: 'platform_kill', downMs: 100, deliver: true } },
  { atMs: 1_200, fault: { kind: 'duplicate_storm', forMs: 1_500 } },
];

describe('the checker', () => {
  it('finds nothing wrong with the real product under the faults of the controls', async () => {
    for (const [at, steps] of [killUnderLoad, redelivery].entries()) {
      const outcome = await runScript(script(1 + at, steps), server, connect);
      expect(outcome.violations).toEqual([]);
      expect(outcome.accepted).toBeGreaterThan(50);
    }
  }, 60_000);

  it('finds an ingestion that acknowledges before the commit', async () => {
    const outcome = await runScript(script(3, killUnderLoad), server, connect, {
      sabotage: 'acknowledges_early',
    });
    expect(outcome.violations.join('\n')).toContain('was acknowledged and is not kept');
  }, 60_000);

  it('finds an ingestion that forgets what it has stored', async () => {
    const outcome = await runScript(script(4, redelivery), server, connect, {
      beforeRestart: async (query) => {
        for (const table of ['ledger_journal', 'ledger_runs', 'ledger_numberings'])
          await query(`DELETE FROM ${table}`);
      },
    });
    expect(outcome.violations.join('\n')).toContain('is kept more than once');
  }, 60_000);

  it('finds a hop that acknowledges a message and throws it away', async () => {
    const outcome = await runScript(script(5, []), server, connect, { sabotage: 'swallows' });
    expect(outcome.violations.join('\n')).toContain('was acknowledged and is not kept');
  }, 60_000);
});

describe('the invariant', () => {
  const sound: Findings = {
    deviceId: 'P-101',
    accepted: [1, 2, 3, 5].map((seq) => ({ epoch: 9, seq, value: seq, acknowledged: true })),
    stored: [1, 2, 5].map((seq) => ({ epoch: 9, seq, value: seq })),
    deadLetters: [{ epoch: 9, seq: 3, value: null }],
    lost: [{ from: 4, to: 4 }],
    completeness: {
      expected: 5,
      stored: 3,
      missing: 0,
      deadLettered: 1,
      lost: 1,
      duplicatesRefused: 0,
      ranges: [],
      rangesTruncated: false,
      numberings: [],
    },
  };
  const broken: readonly [name: string, findings: Partial<Findings>, sentence: string][] = [
    ['a value that changed', { stored: [1, 2, 5].map((seq) => ({ epoch: 9, seq, value: 7 })) }, 'instead of'],
    ['a loss that nobody reported', { lost: [] }, 'skipped by the outbox without a data_loss'],
    ['a message that nobody sent', { accepted: sound.accepted.slice(1) }, 'was never accepted'],
    ['another numbering', { stored: [1, 2, 5].map((seq) => ({ epoch: 8, seq, value: seq })) }, '9/1'],
    [
      'a ledger that counts otherwise',
      { completeness: { ...sound.completeness, missing: 1, lost: 0 } },
      'the ledger tells missing = 1',
    ],
  ];

  it('holds for a sound run', () => {
    expect(violations(sound)).toEqual([]);
  });

  it.each(broken)('breaks on %s', (_name, change, sentence) => {
    expect(violations({ ...sound, ...change }).join('\n')).toContain(sentence);
  });
});
