import { startTestPostgres, type TestPostgres } from '@millrace/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Script } from './support/script.js';
import { runScript } from './support/world.js';

// Scripts that once broke the invariant, cut down to what is needed; a seed is free to change, a case is not.

let server: TestPostgres;

beforeAll(async () => {
  server = await startTestPostgres();
});

afterAll(async () => {
  await server?.remove();
});

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: server.url() });
  client.on('error', () => {});
  await client.connect();
  return client;
}

const cases: readonly [name: string, script: Partial<Script>][] = [
  [
    'a platform is killed while its commit is stalled, and starts again before that commit happens',
    {
      lengthMs: 8_000,
      burst: 3,
      steps: [
        { atMs: 1_000, fault: { kind: 'database_stall', forMs: 6_000 } },
        { atMs: 1_500, fault: { kind: 'platform_kill', downMs: 0, deliver: true } },
      ],
    },
  ],
  [
    'a gateway loses its first messages before the platform has seen any',
    {
      inFlight: 4,
      outboxBytes: 160 * 1024,
      memoryRows: 40,
      burst: 14,
      lengthMs: 12_500,
      steps: [{ atMs: 0, fault: { kind: 'link_refused', forMs: 12_000 } }],
    },
  ],
];

it.each(cases.map(([name, script], at) => [name, at, script] as const))(
  'keeps its promise when %s',
  async (_name, at, script) => {
    const outcome = await runScript(
      {
        seed: 2_000_000 + at,
        lengthMs: 4_000,
        outboxBytes: 64 * 1024 * 1024,
        memoryRows: 1_000,
        inFlight: 300,
        burst: 8,
        steps: [],
        ...script,
      },
      server,
      connect,
    );
    expect(outcome.violations).toEqual([]);
    expect(outcome.accepted).toBeGreaterThan(50);
  },
  60_000,
);
