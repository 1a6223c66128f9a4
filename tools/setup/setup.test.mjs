import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { nodeIsNewEnough } from './check-node.mjs';
import { hashFiles, walk } from './files.mjs';
import { installAgrees } from './install.mjs';

const made = [];
afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});

test('knows which Node is new enough', () => {
  const versions = ['v18.20.1', 'v20.18.3', 'v20.19.0', 'v20.20.2', 'v22.1.0', 'v9.0.0'];
  expect(versions.filter(nodeIsNewEnough)).toEqual(['v20.19.0', 'v20.20.2', 'v22.1.0']);
});

describe('installAgrees', () => {
  const lock = (packages) => JSON.stringify({ packages });
  const wanted = lock({
    '': { name: 'root' },
    'packages/a': { version: '1.0.0' },
    'node_modules/a': { link: true, resolved: 'packages/a' },
    'node_modules/pg': { version: '8.0.0', integrity: 'x' },
    'node_modules/darwin-only': { version: '1.0.0', optional: true },
  });

  test('holds for the same versions, also without the packages of other platforms', () => {
    const installed = lock({ 'node_modules/pg': { version: '8.0.0', integrity: 'x' } });
    expect(installAgrees(wanted, installed)).toBe(true);
  });

  test('does not hold when nothing is installed, or another version, or a package too few or too many', () => {
    const pg = { version: '8.0.0', integrity: 'x' };
    expect(installAgrees(wanted, undefined)).toBe(false);
    expect(installAgrees(wanted, lock({ 'node_modules/pg': { ...pg, version: '8.0.1' } }))).toBe(false);
    expect(installAgrees(wanted, lock({ 'node_modules/pg': { ...pg, integrity: 'y' } }))).toBe(false);
    expect(installAgrees(wanted, lock({}))).toBe(false);
    expect(installAgrees(wanted, lock({ 'node_modules/pg': pg, 'node_modules/extra': pg }))).toBe(false);
  });
});

test('the hash of the sources changes with a name and with a byte, and not with the folder they lie in', () => {
  const folder = (files) => {
    const dir = mkdtempSync(join(tmpdir(), 'millrace-hash-'));
    made.push(dir);
    mkdirSync(join(dir, 'node_modules'));
    writeFileSync(join(dir, 'node_modules', 'ignored.ts'), String(made.length));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
    return hashFiles(walk(dir), dir);
  };
  const hashes = [{ a: '1' }, { a: '1' }, { a: '2' }, { b: '1' }].map(folder);
  expect(hashes[0]).toBe(hashes[1]);
  expect(new Set(hashes).size).toBe(3);
});

describe('runForeground', () => {
  const foreground = new URL('./foreground.mjs', import.meta.url).href;
  const starter = (program) => `
    import { runForeground } from '${foreground}';
    process.exitCode = await runForeground(process.execPath, ['-e', ${JSON.stringify(program)}]);`;

  function start(program) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', starter(program)]);
    const state = { child, output: '' };
    child.stdout.setEncoding('utf8').on('data', (text) => {
      state.output += text;
    });
    state.until = (text) =>
      new Promise((resolve) => {
        const look = () => state.output.includes(text) && resolve();
        child.stdout.on('data', look);
        look();
      });
    state.ended = new Promise((resolve) => child.once('close', (code) => resolve(code)));
    return state;
  }

  test('passes the exit code on', async () => {
    expect(await start('process.exit(3)').ended).toBe(3);
  });

  test('tells the program once about a key press that arrives twice, and waits for its orderly end', async () => {
    const counting = `
      let signals = 0;
      process.on('SIGINT', () => {
        if (++signals === 1) setTimeout(() => { console.log('signals ' + signals); process.exit(0); }, 300);
      });
      setInterval(() => {}, 1000);
      console.log('ready');`;
    const run = start(counting);
    await run.until('ready');
    run.child.kill('SIGINT');
    run.child.kill('SIGINT');
    expect(await run.ended).toBe(0);
    expect(run.output).toBe('ready\nsignals 1\n');
  });
});
