/**
 * `npm run bench connections -- [--sessions 10000] [--no-peer]`
 *
 * Sessions over TLS 1.3 with client certificates, kept in SQLite, each with one subscription: memory of the broker for
 * each, time until all are connected, and after `kill -9` and a start the time until all are back. Clients come back
 * after 1 s doubling to 60 s, with full jitter. Mosquitto with the same certificates is the peer in the same run.
 *
 * All clients show one certificate (issuing 10,000 is not what is measured); every handshake is a full one.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { silentLogger, systemClock } from '../packages/foundation/dist/index.js';
import { Pki } from '../packages/platform/dist/identity/pki.js';

const { values: flags } = parseArgs({
  options: {
    sessions: { type: 'string', default: '10000' },
    'no-peer': { type: 'boolean', default: false },
  },
});
const sessions = Number(flags.sessions);
/** Handshakes under way at a time while all connect for the first time. */
const connectAtOnce = 100;
const allBackLimitS = 60;
const giveUpS = 120;

interface Totals {
  readonly up: number;
  readonly attempts: number;
  readonly failures: number;
  readonly resumed: number;
}

interface Figures {
  readonly kb_per_session: number;
  readonly connect_all_s: number;
  readonly all_back_s: number;
  readonly attempts: number;
  readonly sessions_resumed: number;
}

/** A broker under test: starts, and can be killed and started again on the same port and data. */
interface Subject {
  start(): Promise<ChildProcess>;
}

const home = mkdtempSync(join(tmpdir(), 'millrace-connections-'));
const running = new Set<ChildProcess>();

try {
  const spareFiles = 200;
  if (openFilesMax() < sessions + spareFiles)
    throw new Error(
      `${sessions} sessions need ${sessions + spareFiles} open files in one process, and the limit is ${openFilesMax()}: raise it (ulimit -Hn) or ask for fewer.`,
    );
  const pki = new Pki({
    dataDir: home,
    clock: systemClock,
    logger: silentLogger,
    hosts: ['localhost', '127.0.0.1'],
  });
  await pki.open();
  const issued = await pki.issueWithKey('bench::client', 'device');
  const client = {
    ca: file('ca.pem', pki.rootPem),
    cert: file('client.pem', issued.pem + pki.operationsPem),
    key: file('client.key', issued.keyPem),
    servername: 'localhost',
  };
  const port = await freePort();
  const own = await measure(millrace(port, pki.serviceTls), { ...client, port });
  const mosquitto = flags['no-peer'] ? undefined : findMosquitto();
  const peerPort = await freePort();
  const peer =
    mosquitto === undefined
      ? null
      : {
          name: 'mosquitto',
          ...(await measure(mosquittoOn(mosquitto, peerPort, pki.serviceTls), { ...client, port: peerPort })),
        };
  const result = {
    bench: 'connections',
    sessions,
    tls: true,
    ...own,
    certificates: 'one shared by all clients',
    peer,
    ratio: peer === null ? null : round(peer.kb_per_session / own.kb_per_session, 2),
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
  if (own.all_back_s >= allBackLimitS) {
    process.stderr.write(`All were back after ${own.all_back_s} s; it must be under ${allBackLimitS} s.\n`);
    process.exitCode = 1;
  }
} finally {
  for (const child of running) child.kill('SIGKILL');
  rmSync(home, { recursive: true, force: true });
}

/** Connects all, reads the memory, kills the broker, starts it again and waits until all are back. */
async function measure(subject: Subject, client: object): Promise<Figures> {
  let broker = await subject.start();
  await pause(1000);
  const emptyBytes = residentBytes(broker);
  const clients = watched(
    fork(
      program('clients.mjs'),
      [JSON.stringify({ ...client, host: '127.0.0.1', sessions, connectAtOnce })],
      { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
    ),
  );
  let totals: Totals = { up: 0, attempts: 0, failures: 0, resumed: 0 };
  clients.on('message', (message) => {
    totals = message as Totals;
  });
  const all = async (what: string) => {
    const startedAt = performance.now();
    while (totals.up < sessions) {
      if (clients.exitCode !== null) throw new Error('The clients ended.');
      if (performance.now() - startedAt > giveUpS * 1000)
        throw new Error(
          `${totals.up} of ${sessions} sessions are ${what} after ${giveUpS} s (${totals.attempts} attempts, ${totals.failures} failures).`,
        );
      await pause(50);
    }
    return round((performance.now() - startedAt) / 1000, 1);
  };
  const connectAllS = await all('connected');
  await pause(3000);
  const kbPerSession = round((residentBytes(broker) - emptyBytes) / sessions / 1024, 1);
  const firstAttempts = totals.attempts;

  const killedAt = performance.now();
  await end(broker);
  broker = await subject.start();
  while (totals.up === sessions) await pause(20);
  await all('back');
  const allBackS = round((performance.now() - killedAt) / 1000, 1);
  const figures = {
    kb_per_session: kbPerSession,
    connect_all_s: connectAllS,
    all_back_s: allBackS,
    attempts: totals.attempts - firstAttempts,
    sessions_resumed: totals.resumed,
  };
  await end(clients);
  await end(broker);
  return figures;
}

function millrace(port: number, tls: object): Subject {
  const dataDir = join(home, 'broker');
  mkdirSync(dataDir);
  return {
    start: async () => {
      const child = watched(
        fork(program('server.mjs'), [JSON.stringify({ dataDir, port, tls })], {
          execArgv: [],
          stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        }),
      );
      await new Promise<void>((resolve, reject) => {
        child.once('message', () => resolve());
        child.once('exit', (code) => reject(new Error(`The broker ended with code ${code}.`)));
      });
      return child;
    },
  };
}

function mosquittoOn(
  path: string,
  port: number,
  tls: { readonly cert: string; readonly key: string; readonly ca: string },
): Subject {
  const config = file(
    'mosquitto.conf',
    [
      `listener ${port} 127.0.0.1`,
      `cafile ${file('peer-ca.pem', tls.ca)}`,
      `certfile ${file('peer-cert.pem', tls.cert)}`,
      `keyfile ${file('peer-key.pem', tls.key)}`,
      'tls_version tlsv1.3',
      'require_certificate true',
      'allow_anonymous true',
      // Kept as often as it can: at each change.
      'persistence true',
      `persistence_location ${home}/`,
      'autosave_on_changes true',
      'autosave_interval 1000',
      'user root',
      '',
    ].join('\n'),
  );
  return {
    start: async () => {
      const child = watched(spawn(path, ['-c', config], { stdio: 'ignore' }));
      await pause(500);
      if (child.exitCode !== null) throw new Error(`Mosquitto ended with code ${child.exitCode}.`);
      return child;
    },
  };
}

function watched(child: ChildProcess): ChildProcess {
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

function end(child: ChildProcess): Promise<void> {
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGKILL');
  return ended;
}

function file(name: string, text: string): string {
  const path = join(home, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

function program(name: string): string {
  return fileURLToPath(new URL(`connections/${name}`, import.meta.url));
}

function residentBytes(child: ChildProcess): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

/** The hard limit: Node raises its own limit up to it when it starts. */
function openFilesMax(): number {
  const text = /Max open files\s+\S+\s+(\S+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text);
}

function findMosquitto(): string | undefined {
  return ['/usr/sbin/mosquitto', '/usr/bin/mosquitto', '/usr/local/sbin/mosquitto'].find(existsSync);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
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
