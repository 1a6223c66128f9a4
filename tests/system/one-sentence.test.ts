import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { planDemo, portPlan, prepareDataDir, writeDemoFiles } from '@millrace/cli';
import {
  freePortBase,
  millraceCommand,
  type RunResult,
  runProduct,
  runProgram,
  type TempDir,
  tempDir,
} from '@millrace/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const env = { MILLRACE_BUILD_CHECK: 'off' };
let dir: TempDir;
beforeEach(() => {
  dir = tempDir('sentence');
});
afterEach(() => dir.remove());

/** One line on stderr, exit code 1, no stack. */
function expectSentence(result: RunResult, ...parts: (string | RegExp)[]): void {
  const lines = result.stderr
    .trim()
    .split('\n')
    .filter((line) => line.startsWith('millrace: '));
  expect(lines, result.stderr).toHaveLength(1);
  for (const part of parts) expect(lines[0]).toMatch(part);
  expect(result.stderr).not.toMatch(/\n\s+at /);
  expect(result.code).toBe(1);
}

describe('what goes wrong at the start is one clear sentence and exit code 1', () => {
  test('a taken port is named with what wants it', async () => {
    const base = await freePortBase();
    const squatter = createServer().listen(base + 3, '127.0.0.1');
    await new Promise((resolve) => squatter.once('listening', resolve));
    try {
      const args = ['demo', '--port-base', String(base), '--data', dir.path];
      expectSentence(await runProduct(args, { env }), String(base + 3), /Modbus/, /--port-base/);
    } finally {
      squatter.close();
    }
  });

  test('a gateway without its certificate', async () => {
    const plan = planDemo(dir.path, portPlan(await freePortBase()));
    prepareDataDir(dir.path);
    writeDemoFiles(plan);
    const result = await runProduct([...plan.children.edge.args], { env });
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(
      /gateway\.yaml:\d+ uplink\.certificate: names .*cert\.pem, which does not exist/,
    );
    expect(result.stderr).not.toMatch(/\n\s+at /);
  });

  test('a wrong line of a configuration is named with file and line', async () => {
    const plan = planDemo(dir.path, portPlan(await freePortBase()));
    prepareDataDir(dir.path);
    writeDemoFiles(plan);
    const lines = readFileSync(plan.platformFile, 'utf8').split('\n');
    writeFileSync(plan.platformFile, [...lines, 'no_such_setting: 1', ''].join('\n'));
    const result = await runProduct([...plan.children.platform.args], { env });
    expectSentence(result, `platform.yaml:${lines.length + 1} no_such_setting`, /not a known setting/);
    const check = await runProduct(['config', 'check', plan.platformFile, '--kind', 'platform'], { env });
    expectSentence(check, /no_such_setting/);
  });

  test('a data folder that cannot be written', async () => {
    const folder = join(dir.path, 'readonly');
    mkdirSync(folder);
    chmodSync(folder, 0o555);
    chmodSync(dir.path, 0o755);
    const args = ['up', '--data', folder];
    // Root may write everywhere, so root tries it as another user.
    const result =
      process.getuid?.() === 0
        ? await runProgram(
            'setpriv',
            ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, millraceCommand, ...args],
            { env },
          )
        : await runProduct(args, { env });
    expectSentence(result, /readonly/, /--data/);
    expect(existsSync(join(folder, 'run'))).toBe(false);
  });

  test('a second process on the same data folder names the first', async () => {
    prepareDataDir(dir.path);
    const started = readFileSync(`/proc/${process.pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19];
    writeFileSync(join(dir.path, 'run', 'field.lock'), JSON.stringify({ pid: process.pid, started }));
    const base = await freePortBase();
    const args = ['field', '--data', dir.path, '--port-base', String(base)];
    expectSentence(await runProduct(args, { env }), `process ${process.pid}`);
  });

  test('a verb that finds nothing running says what to start', async () => {
    expectSentence(await runProduct(['device', 'list', '--data', dir.path], { env }), /millrace up/);
    expectSentence(
      await runProduct(['field', 'fault', 'P-101', 'stuck', '--data', dir.path], { env }),
      /millrace field/,
    );
  });

  test('status tells that nothing runs and ends with code 1', async () => {
    const result = await runProduct(['status', '--data', dir.path], { env });
    expect(result.code).toBe(1);
    expect(result.stdout).toContain('nothing runs');
  });
});
