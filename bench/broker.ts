/**
 * `npm run bench broker -- [--seconds 3] [--payload 200] [--no-peer] [--only NAME]`
 *
 * The broker as an ordinary broker, against Mosquitto in the same run: publishing alone, and fan-out 1:1, 1:100 and
 * 1000:1, each at QoS 0, 1 and 2. A message that does not arrive fails the bench.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

interface Scenario {
  readonly name: string;
  readonly publishers: number;
  readonly subscribers: number;
  /** Messages on the way for each publisher. */
  readonly window: number;
}

interface Outcome {
  readonly published_per_s: number;
  readonly delivered_per_s: number;
  /** Microseconds of the broker's CPU for each message published and delivered. */
  readonly cpu_us_per_packet: number;
  /** Above about 0.9 the load, not the broker, is the limit. */
  readonly load_cpu_cores: number;
  readonly lost: number;
}

interface Server {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

const scenarios: readonly Scenario[] = [
  { name: 'publish', publishers: 50, subscribers: 0, window: 100 },
  { name: '1:1', publishers: 1, subscribers: 1, window: 1000 },
  { name: '1:100', publishers: 1, subscribers: 100, window: 20 },
  { name: '1000:1', publishers: 1000, subscribers: 1, window: 4 },
];

const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    payload: { type: 'string', default: '200' },
    'no-peer': { type: 'boolean', default: false },
    only: { type: 'string' },
  },
});
const seconds = Number(flags.seconds);
const here = fileURLToPath(new URL('./broker/', import.meta.url));
const mosquitto = ['/usr/sbin/mosquitto', '/usr/bin/mosquitto', '/usr/local/sbin/mosquitto'].find(existsSync);

const results: Record<string, { millrace: Outcome; mosquitto: Outcome | null; ratio: number | null }> = {};
for (const scenario of scenarios.filter(({ name }) => flags.only === undefined || name === flags.only)) {
  for (const qos of [0, 1, 2]) {
    const ours = await measure(startOurs, scenario, qos);
    const peer =
      flags['no-peer'] || mosquitto === undefined ? null : await measure(startMosquitto, scenario, qos);
    const rate = (outcome: Outcome) =>
      scenario.subscribers > 0 ? outcome.delivered_per_s : outcome.published_per_s;
    const ratio = peer === null ? null : Math.round((100 * rate(ours)) / rate(peer)) / 100;
    results[`${scenario.name} qos ${qos}`] = { millrace: ours, mosquitto: peer, ratio };
    process.stderr.write(
      `${scenario.name} QoS ${qos}: ${rate(ours)}/s, Mosquitto ${peer ? rate(peer) : '-'}/s\n`,
    );
  }
}
const lost = Object.values(results).reduce((sum, { millrace }) => sum + millrace.lost, 0);
process.stdout.write(
  `${JSON.stringify({ bench: 'broker', payload_bytes: Number(flags.payload), lost, scenarios: results })}\n`,
);
if (lost > 0) process.exitCode = 1;

/** One scenario on a fresh broker. */
async function measure(start: () => Promise<Server>, scenario: Scenario, qos: number): Promise<Outcome> {
  const server = await start();
  try {
    let before = 0;
    let used = 0;
    const load = await runLoad(
      {
        ...scenario,
        qos,
        port: server.port,
        seconds,
        warmupS: 1,
        payloadBytes: Number(flags.payload),
      },
      {
        begin: () => {
          before = cpuSeconds(server.pid);
        },
        end: () => {
          used = cpuSeconds(server.pid) - before;
        },
      },
    );
    const packets = (load.published_per_s + load.delivered_per_s) * seconds;
    return {
      published_per_s: Math.round(load.published_per_s),
      delivered_per_s: Math.round(load.delivered_per_s),
      cpu_us_per_packet: Math.round((used * 1e7) / Math.max(1, packets)) / 10,
      load_cpu_cores: Math.round(load.load_cpu_cores * 100) / 100,
      lost: load.lost,
    };
  } finally {
    await server.stop();
  }
}

function runLoad(
  options: object,
  marks: { begin: () => void; end: () => void },
): Promise<Omit<Outcome, 'cpu_us_per_packet'>> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(here, 'load.mjs'), JSON.stringify(options)]);
    let out = '';
    let said = '';
    child.stdout.on('data', (bytes: Buffer) => {
      out += bytes.toString();
    });
    child.stderr.on('data', (bytes: Buffer) => {
      const text = bytes.toString();
      if (text.includes('window\n')) marks.begin();
      if (text.includes('window-end\n')) marks.end();
      said += text;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(out) as Omit<Outcome, 'cpu_us_per_packet'>);
      else reject(new Error(`the load ended with ${code}: ${said.trim()}`));
    });
  });
}

async function startOurs(): Promise<Server> {
  const child = spawn(process.execPath, [join(here, 'server.mjs')], { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout.once('data', (bytes: Buffer) => resolve(Number(bytes.toString())));
    child.once('close', () => reject(new Error('the broker did not start: is it built (npm run build)?')));
  });
  return { port, pid: child.pid!, stop: () => ended(child) };
}

async function startMosquitto(): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  const port = await freePort();
  const config = join(folder, 'mosquitto.conf');
  const settings = ['allow_anonymous true', 'persistence false', 'set_tcp_nodelay true', 'user root'];
  const bounds = ['max_inflight_messages 0', 'max_queued_messages 0'];
  writeFileSync(config, [`listener ${port} 127.0.0.1`, ...settings, ...bounds, ''].join('\n'));
  const child = spawn(mosquitto!, ['-c', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  await new Promise<void>((resolve) => {
    child.stderr.on('data', (bytes: Buffer) => {
      if (bytes.toString().includes('running')) resolve();
    });
    child.once('close', () => resolve());
  });
  const stop = async () => {
    await ended(child);
    rmSync(folder, { recursive: true, force: true });
  };
  return { port, pid: child.pid!, stop };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.kill('SIGTERM');
  });
}

/** User and system time of a process, s (`man 5 proc`: fields 14 and 15 in ticks of 10 ms). */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
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
