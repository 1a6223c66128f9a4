import { seeds, startTestPostgres, type TestPostgres } from '@millrace/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { scriptOf } from './support/script.js';
import { runScript } from './support/world.js';

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

it.each(seeds(50))(
  'keeps every accepted message exactly once under the faults of seed %i',
  async (seed) => {
    const script = scriptOf(seed);
    const outcome = await runScript(script, server, connect);
    expect(outcome.accepted).toBeGreaterThan(50);
    if (outcome.violations.length > 0)
      expect.fail(
        `Seed ${seed} breaks the invariant; run it alone with "npm run faults -- --seed ${seed}".\n` +
          `${outcome.violations.slice(0, 12).join('\n')}\n${JSON.stringify(script, undefined, 1)}`,
      );
  },
  60_000,
);
