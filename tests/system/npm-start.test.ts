import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { freePortBase, type TempDir, tempDir, waitFor, within } from '@millrace/testing';
import { afterEach, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

let running: ChildProcess | undefined;
let dir: TempDir | undefined;
afterEach(async () => {
  if (running?.pid !== undefined && running.exitCode === null) running.kill('SIGTERM');
  dir?.remove();
}, 60_000);

/** Starts `npm start` as a shell would: in the foreground process group of a terminal, here without input. */
function npmStart(...args: string[]): {
  child: ChildProcess;
  output: () => string;
  ended: Promise<number | null>;
} {
  const child = spawn('npm', ['start', '--silent', '--', ...args], {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running = child;
  let text = '';
  const collect = (bytes: Buffer) => {
    text += bytes.toString();
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  return {
    child,
    output: () => text,
    ended: new Promise((resolve) => child.once('close', (code) => resolve(code))),
  };
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

test('npm start runs the demo; Ctrl-C, which reaches npm and everything below it, ends all with code 0', async () => {
  const base = await freePortBase();
  dir = tempDir('npm-start');
  const { child, output, ended } = npmStart('--port-base', String(base), '--data', dir.path);
  await waitFor(() => output().includes('Ctrl-C stops everything') || child.exitCode !== null, {
    timeoutMs: 150_000,
    what: () => `the banner of npm start; it printed:\n${output()}`,
  });
  expect(child.exitCode, output()).toBeNull();
  expect(output()).toContain(`http://127.0.0.1:${base}`);

  process.kill(-child.pid!, 'SIGINT');
  expect(await within(ended, 60_000, 'The end of npm start'), output()).toBe(0);
  const ports = Array.from({ length: 7 }, (_, i) => base + i);
  expect(await Promise.all(ports.map(canListen))).toEqual(ports.map(() => true));
}, 240_000);

test('npm start passes a failure of the demo on as its exit code', async () => {
  const { output, ended } = npmStart('--no-such-option');
  expect(await within(ended, 60_000, 'The end of npm start'), output()).toBe(1);
  expect(output()).toContain('--no-such-option');
}, 90_000);
