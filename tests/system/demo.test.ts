import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  freePortBase,
  type ProductProcess,
  runProduct,
  startProduct,
  type TempDir,
  tempDir,
  waitFor,
} from '@millrace/testing';
import { afterEach, expect, test } from 'vitest';

const env = { MILLRACE_BUILD_CHECK: 'off' };
const started: ProductProcess[] = [];
const dirs: TempDir[] = [];
afterEach(async () => {
  for (const demo of started.splice(0))
    if (demo.running) await demo.stop({ timeoutMs: 60_000 }).catch(() => {});
  for (const dir of dirs.splice(0)) dir.remove();
}, 120_000);

function demo(base: number, dir: TempDir): ProductProcess {
  const process = startProduct(['demo', '--port-base', String(base), '--data', dir.path], { env });
  started.push(process);
  return process;
}

function folder(): TempDir {
  const dir = tempDir('demo');
  dirs.push(dir);
  return dir;
}

/** Signs in with the banner's link as a browser would and returns the session cookie. */
async function signIn(banner: string): Promise<string> {
  const link = new URL(/Sign in\s+(\S+)/.exec(banner)?.[1] ?? '');
  const token = link.searchParams.get('token') ?? new URLSearchParams(link.hash.slice(1)).get('token');
  const answer = await fetch(new URL('/v1/session', link), {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: link.origin },
    body: JSON.stringify({ token }),
  });
  expect(answer.status).toBe(200);
  return answer.headers.getSetCookie()[0]?.split(';')[0] ?? '';
}

test('two copies run side by side, each with its own data; Ctrl-C ends each with code 0 and no process left', async () => {
  const copies = await Promise.all(
    [1, 2].map(async () => {
      const base = await freePortBase();
      const dir = folder();
      return { base, dir, process: demo(base, dir) };
    }),
  );
  for (const { base, process } of copies) {
    await process.waitForLine(/Ctrl-C stops everything/, 150_000);
    expect(process.stdout).toContain(`http://127.0.0.1:${base}`);
    const cookie = await signIn(process.stdout);
    const summary = await fetch(`http://127.0.0.1:${base}/v1/fleet/summary`, { headers: { cookie } });
    expect(((await summary.json()) as { devices: { total: number } }).devices.total).toBe(6);
  }
  for (const { dir, process } of copies) {
    const pids = ['field', 'platform', 'edge'].map(
      (role) =>
        (JSON.parse(readFileSync(join(dir.path, 'run', `${role}.lock`), 'utf8')) as { pid: number }).pid,
    );
    const result = await process.stop({ timeoutMs: 60_000 });
    expect(result.stdout).toContain('Stopped.');
    for (const pid of pids) expect(() => globalThis.process.kill(pid, 0)).toThrow(/ESRCH/);
  }
}, 240_000);

test('a crashed process is started again, and a second start continues the history within 10 s', async () => {
  const base = await freePortBase();
  const dir = folder();
  const first = demo(base, dir);
  await first.waitForLine(/Ctrl-C stops everything/, 150_000);
  const field = (JSON.parse(readFileSync(join(dir.path, 'run', 'field.lock'), 'utf8')) as { pid: number })
    .pid;
  process.kill(field, 'SIGKILL');
  await first.waitForLine(/field ended unexpectedly \(SIGKILL\); starting it again in 1 s/, 10_000);
  const again = await waitFor(
    () => {
      const { pid } = JSON.parse(readFileSync(join(dir.path, 'run', 'field.lock'), 'utf8')) as {
        pid: number;
      };
      return pid !== field && pid;
    },
    { timeoutMs: 15_000, what: 'the field to be back' },
  );
  expect(again).not.toBe(field);
  await first.stop({ timeoutMs: 60_000 });

  const restart = performance.now();
  const second = demo(base, dir);
  await second.waitForLine(/Ctrl-C stops everything/, 60_000);
  expect(performance.now() - restart).toBeLessThan(10_000);
  const token = (
    await runProduct(['token', 'create', '--role', 'viewer', '--data', dir.path], { env })
  ).stdout.trim();
  const headers = { authorization: `Bearer ${token}` };
  const gaps = await waitFor(
    async () => {
      const answer = await fetch(`http://127.0.0.1:${base}/v1/devices/P-101/gaps`, { headers });
      const { items } = (await answer.json()) as {
        items: { kind: string; cause: string; closed_at: string | null }[];
      };
      return items.some((item) => item.kind === 'silence') && items;
    },
    { timeoutMs: 60_000, what: 'the silence of the stop' },
  );
  // Numbers continue over the stop: nothing is missing, and the time without data has its cause on record.
  expect(gaps.filter((item) => item.kind === 'gap' && item.closed_at === null)).toEqual([]);
  expect(gaps.find((item) => item.kind === 'silence')?.cause).toBe('gateway_stopped');
  const from = new Date(Date.now() - 600_000).toISOString();
  const series = await fetch(
    `http://127.0.0.1:${base}/v1/devices/P-101/telemetry?tags=pressure_bar&from=${from}&to=${new Date().toISOString()}&interval=raw`,
    { headers },
  );
  const { breaks } = (await series.json()) as { breaks: { kind: string }[] };
  expect(breaks.some((item) => item.kind === 'silence')).toBe(true);
  await second.stop({ timeoutMs: 60_000 });
}, 300_000);
