/**
 * `npm run bench ingest -- [--seconds 20] [--connections 1000] [--in-flight 32] [--rate 10000] [--tls] [--no-peer]`
 *
 * How many messages a second the product takes from publish to PUBACK, committed with fsync: 1,000 connections, QoS 1,
 * six values a message. A second, paced run gives the latencies. Every acknowledged message must be in the table once.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  envelopeTemplate,
  type GeneratorClient,
  type GeneratorResult,
  runGenerator,
} from './generator/run.js';
import { type Cpu, ServerProcess } from './ingest/server-process.js';

const valuesPerMessage = 6;

const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    connections: { type: 'string', default: '1000' },
    'in-flight': { type: 'string', default: '32' },
    rate: { type: 'string', default: '10000' },
    'paced-seconds': { type: 'string', default: '10' },
    tls: { type: 'boolean', default: false },
    'no-peer': { type: 'boolean', default: false },
  },
});
const seconds = Number(flags.seconds);
const connections = Number(flags.connections);
const inFlight = Number(flags['in-flight']);
const rate = Number(flags.rate);
const pacedSeconds = Number(flags['paced-seconds']);

const dataDir = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
const server = new ServerProcess('server.mjs', {
  devices: connections * 2,
  dataDir,
  port: await freePort(),
  tls: flags.tls,
});
try {
  await server.start();
  const clients = server.topics.map(({ deviceId, topic }) => ({
    clientId: `bench::${deviceId}`,
    topic,
    payload: envelopeTemplate(deviceId),
  }));
  const target = {
    host: '127.0.0.1',
    port: server.port,
    ...(server.tls === undefined ? {} : { tls: server.tls }),
  };

  let before: Promise<Cpu> | undefined;
  let after: Promise<Cpu> | undefined;
  const full = await runGenerator(
    { ...target, clients: clients.slice(0, connections), inFlight, warmupS: 3, seconds },
    {
      begin: () => {
        before = server.cpu();
      },
      end: () => {
        after = server.cpu();
      },
    },
  );
  const used = difference(await before!, await after!, full);
  // The paced run is of a steady plant; the millions of rows of the run before it, still owed to the disk, are not.
  await server.settle();
  const paced = await runGenerator({
    ...target,
    clients: clients.slice(connections),
    inFlight,
    warmupS: 2,
    seconds: pacedSeconds,
    rate,
  });
  const counts = await server.counts();
  await server.stop();
  const peer = await runPeer(clients.slice(0, connections));
  const acked = full.acked + paced.acked;
  const result = {
    bench: 'ingest',
    messages_per_s: Math.round(full.messages_per_s),
    values_per_s: Math.round(full.messages_per_s * valuesPerMessage),
    acked,
    stored: counts.stored,
    refused: full.refused + paced.refused,
    ack_p50_ms: paced.ack_p50_ms,
    ack_p99_ms: paced.ack_p99_ms,
    rate: Math.round(paced.messages_per_s),
    full_load_p50_ms: full.ack_p50_ms,
    full_load_p99_ms: full.ack_p99_ms,
    cpu_us_per_message: round(used.platform + used.database),
    cpu_us_platform: round(used.platform),
    cpu_us_database: round(used.database),
    rss_mb: Math.round(counts.rssPeak / 1e6),
    bytes_per_row: Math.round(counts.bytes / Math.max(1, counts.stored)),
    connections,
    in_flight: inFlight,
    tls: flags.tls,
    generator_us_per_message: round(full.generator_cpu_us_per_message ?? 0),
    generator_bound: full.generator_cpu_cores > 0.9,
    peer,
    ratio: peer === null ? null : round(full.messages_per_s / peer.messages_per_s),
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
  if (acked !== counts.stored || counts.stored !== counts.numbers) {
    process.stderr.write(
      `acked ${acked}, stored ${counts.stored}, different numbers ${counts.numbers}: they must be equal\n`,
    );
    process.exitCode = 1;
  }
} finally {
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
}

/** Mosquitto with a storing subscriber under the same load: messages stored a second; null where there is none. */
async function runPeer(
  publishers: readonly GeneratorClient[],
): Promise<{ name: string; messages_per_s: number } | null> {
  const mosquitto = ['/usr/sbin/mosquitto', '/usr/bin/mosquitto', '/usr/local/sbin/mosquitto'].find(
    existsSync,
  );
  if (flags['no-peer'] || mosquitto === undefined) return null;
  const peer = new ServerProcess('peer.mjs', { mosquitto });
  try {
    await peer.start();
    const marks: { at: number; stored: Promise<number> }[] = [];
    const mark = () => marks.push({ at: performance.now(), stored: peer.stored() });
    const options = { host: '127.0.0.1', port: peer.port, clients: publishers, inFlight, warmupS: 3 };
    await runGenerator({ ...options, seconds: Math.min(seconds, 10) }, { begin: mark, end: mark });
    const [begin, end] = await Promise.all(marks.map((each) => each.stored));
    const tookS = (marks[1]!.at - marks[0]!.at) / 1000;
    return { name: 'mosquitto + storing subscriber', messages_per_s: Math.round((end! - begin!) / tookS) };
  } finally {
    await peer.stop();
  }
}

/** CPU microseconds a message acknowledged in the window. */
function difference(from: Cpu, to: Cpu, run: GeneratorResult): { platform: number; database: number } {
  const perMessage = 1e6 / Math.max(1, run.acked_in_window);
  return {
    platform: (to.platformS - from.platformS) * perMessage,
    database: (to.databaseS - from.databaseS) * perMessage,
  };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
