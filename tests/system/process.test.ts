import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePortBase, type ProductProcess, startProduct, type TempDir, tempDir } from '@millrace/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const env = { MILLRACE_BUILD_CHECK: 'off' };

describe('a long-running process', () => {
  let dir: TempDir;
  let base: number;
  const started: ProductProcess[] = [];
  beforeEach(async () => {
    dir = tempDir('process');
    base = await freePortBase();
  });
  afterEach(async () => {
    for (const process of started.splice(0)) await process.kill();
    dir.remove();
  });

  async function field(): Promise<ProductProcess> {
    const process = startProduct(['field', '--data', dir.path, '--port-base', String(base)], { env });
    started.push(process);
    await process.waitForLine(/"msg":"ready"/, 60_000);
    return process;
  }

  test.each(['SIGINT', 'SIGTERM'] as const)(
    '%s stops it cleanly, once: code 0, no lock, no socket left',
    async (signal) => {
      const process = await field();
      const result = await process.stop({ signal });
      expect(result.code).toBe(0);
      expect(result.stderr.match(/"msg":"stopping"/g)).toHaveLength(1);
      expect(readdirSync(join(dir.path, 'run'))).toEqual([]);
    },
    90_000,
  );

  test('one Ctrl-C that arrives twice is one press', async () => {
    const twice = await field();
    twice.child.kill('SIGINT');
    expect((await twice.stop()).stderr).not.toContain('stopping at once');
  }, 90_000);

  test('after kill -9 the next one takes the lock over', async () => {
    const first = await field();
    await first.kill();
    expect(readdirSync(join(dir.path, 'run')).sort()).toEqual(['field.lock', 'field.sock']);
    const second = await field();
    const lock = JSON.parse(readFileSync(join(dir.path, 'run', 'field.lock'), 'utf8')) as { pid: number };
    expect(lock.pid).toBe(second.pid);
    await second.stop();
  }, 120_000);
});
