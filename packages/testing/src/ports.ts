import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemRandom } from '@millrace/foundation';

/** Bases lie below the range from which Linux gives out ports by itself (32768 and up), so no client takes one. */
const lowestBase = 20_000;
const highestBase = 32_000;
// Each account has its own folder: another's could not be written to.
const claimDir = join(tmpdir(), `millrace-test-ports-${process.getuid?.() ?? 0}`);
const claimed = new Set<string>();
process.on('exit', () => {
  for (const path of claimed) rmSync(path, { force: true });
});

/** One TCP port of 127.0.0.1 that nobody listens on now. Prefer listening on port 0 where you can. */
export async function freePort(): Promise<number> {
  return (await freePorts(1))[0]!;
}

/** `count` different TCP ports of 127.0.0.1 that nobody listens on now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listen(0)));
  const ports = servers.map((server) => {
    if (server === undefined) throw new Error('This machine has no free TCP port left.');
    return (server.address() as AddressInfo).port;
  });
  await Promise.all(servers.map(close));
  return ports;
}

/**
 * The first of `count` consecutive free ports (7: what `--port-base` takes). The range is claimed by a file until
 * this process ends, so test processes that run at the same time never choose the same one.
 */
export async function freePortBase(count = 7): Promise<number> {
  const slots = Math.floor((highestBase - lowestBase) / slotSize(count));
  for (let attempt = 0; attempt < 500; attempt++) {
    const base = lowestBase + systemRandom.int(slots) * slotSize(count);
    if (!claim(base)) continue;
    if (await allFree(base, count)) return base;
    release(base);
  }
  throw new Error(`No ${count} consecutive free ports between ${lowestBase} and ${highestBase}.`);
}

function slotSize(count: number): number {
  return Math.ceil(count / 10) * 10;
}

async function allFree(base: number, count: number): Promise<boolean> {
  const servers = await Promise.all(Array.from({ length: count }, (_, i) => listen(base + i)));
  await Promise.all(servers.map(close));
  return servers.every((server) => server !== undefined);
}

function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(server));
  });
}

function close(server: Server | undefined): Promise<void> {
  return new Promise((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
}

function claimPath(base: number): string {
  return join(claimDir, String(base));
}

function claim(base: number): boolean {
  mkdirSync(claimDir, { recursive: true });
  const path = claimPath(base);
  try {
    if (!alive(Number(readFileSync(path, 'utf8')))) rmSync(path, { force: true });
  } catch {
    // No claim there: the usual case.
  }
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' });
  } catch {
    return false;
  }
  claimed.add(path);
  return true;
}

function release(base: number): void {
  rmSync(claimPath(base), { force: true });
  claimed.delete(claimPath(base));
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
