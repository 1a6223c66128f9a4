import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, startTestPostgres, type TestPostgres, tempDir, waitFor, within } from '@millrace/testing';
import { afterEach, expect, it } from 'vitest';
import { envelopeTemplate, type GeneratorResult, runGenerator } from '../../bench/generator/run.js';
import { ServerProcess, type State } from '../../bench/ingest/server-process.js';

/** How long the database is away; a minute in the long form. */
const outageS = process.env.MILLRACE_TEST_LONG === '1' ? 60 : 10;
/** The stated bound of the platform process (packages/platform/src/ingest/README.md). */
const memoryCapBytes = 600e6;
const connections = 200;
/** 80,000 messages on their way, twice what ingest holds before it stops reading. */
const inFlight = 400;
/** Shorter than the outage: a broker that took its own pause for the client's silence would close every client. */
const keepAliveS = 4;

const cleanUps: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** Stops or continues every process of the server, so that it holds its connections and says nothing. */
function signalAll(server: TestPostgres, signal: 'SIGSTOP' | 'SIGCONT'): void {
  const main = Number(readFileSync(join(server.dataDir, 'postmaster.pid'), 'utf8').split('\n')[0]);
  const children = readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === main;
    } catch {
      return false;
    }
  });
  for (const pid of [main, ...children.map(Number)]) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended meanwhile; the others are still to be told.
    }
  }
}

const outages = {
  frozen: {
    begin: (server: TestPostgres) => signalAll(server, 'SIGSTOP'),
    end: (server: TestPostgres) => signalAll(server, 'SIGCONT'),
  },
  stopped: {
    begin: (server: TestPostgres) => server.stop(),
    end: (server: TestPostgres) => server.start(),
  },
};

async function startProduct(server: TestPostgres): Promise<ServerProcess> {
  const home = tempDir('backpressure');
  cleanUps.push(() => home.remove());
  const product = new ServerProcess('server.mjs', {
    devices: connections,
    dataDir: home.path,
    port: await freePort(),
    databaseUrl: server.url(),
  });
  cleanUps.push(() => product.stop());
  await product.start();
  return product;
}

/** Full load in a process of its own; `acked` is what the clients saw. */
function startLoad(product: ServerProcess) {
  const load = { acked: 0, result: undefined as unknown as Promise<GeneratorResult> };
  load.result = runGenerator(
    {
      host: '127.0.0.1',
      port: product.port,
      clients: product.topics.map(({ deviceId, topic }) => ({
        clientId: `bench::${deviceId}`,
        topic,
        payload: envelopeTemplate(deviceId),
      })),
      inFlight,
      keepAliveS,
      warmupS: 1,
      seconds: outageS + 8,
      drainS: 60,
    },
    { begin() {}, end() {}, acked: (messages) => (load.acked = messages) },
  );
  load.result.catch(() => {});
  return load;
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** What the product holds, once a second until the end of the outage. */
async function watch(product: ServerProcess): Promise<State[]> {
  const states: State[] = [];
  for (let second = 0; second < outageS; second++) {
    await sleep(1000);
    states.push(await product.state());
  }
  return states;
}

it.each(['frozen', 'stopped'] as const)(
  'loses nothing, refuses nothing and stays within its memory while the database is %s under full load',
  async (kind) => {
    const server = await startTestPostgres({ durable: true });
    cleanUps.push(() => server.remove());
    const product = await startProduct(server);
    const load = startLoad(product);
    await waitFor(() => load.acked > 20_000, { timeoutMs: 30_000, what: 'the load to begin' });

    await outages[kind].begin(server);
    cleanUps.push(() => kind === 'frozen' && signalAll(server, 'SIGCONT'));
    await sleep(1500);
    const ackedAtStop = load.acked;
    const states = await watch(product);
    expect(load.acked, 'nothing is acknowledged that is not committed').toBe(ackedAtStop);
    const last = states.at(-1)!;
    expect(last.saturations).toBeGreaterThan(0);
    expect(last.broker.paused).toBeGreaterThan(0);
    expect(last.broker.connections).toBe(connections);

    await outages[kind].end(server);
    await waitFor(() => load.acked > ackedAtStop + 100_000, {
      timeoutMs: 30_000,
      what: () => `acknowledgements to go on by themselves (${load.acked - ackedAtStop} so far)`,
    });
    const result = await within(load.result, 90_000, 'the load to end');
    const after = await product.state();
    const counts = await product.counts();

    expect(result).toMatchObject({ refused: 0, closed: 0, acked: result.sent });
    expect(after.broker).toMatchObject({ refusedPublishes: 0, protocolErrors: 0, paused: 0 });
    expect(after.heldRows).toBe(0);
    // Counted by SQL: every acknowledged message is there, and once.
    expect(Number(counts.stored)).toBe(result.acked);
    expect(Number(counts.numbers)).toBe(result.acked);
    const peak = Math.max(counts.rssPeak, ...states.map((state) => state.rss));
    expect(peak, `resident memory peaked at ${Math.round(peak / 1e6)} MB`).toBeLessThan(memoryCapBytes);
    // Held back, not piled up: the second half of the outage costs no more memory than the first.
    const half = states[Math.floor(states.length / 2)]!;
    expect(last.rss).toBeLessThan(half.rss + 50e6);
    if (process.env.MILLRACE_TEST_LONG === '1')
      console.info(`${kind}: peak ${Math.round(peak / 1e6)} MB, ${result.acked} stored once`);
  },
  (outageS + 120) * 1000,
);
