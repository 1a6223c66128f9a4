import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@millrace/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { prepareDataDir } from './data-dir.js';
import { holderAlive, lockDataDir, readLock } from './lock.js';

let dir: ReturnType<typeof tempDir>;
beforeEach(() => {
  dir = tempDir('lock');
  prepareDataDir(dir.path);
});
afterEach(() => dir.remove());

const lockFile = () => join(dir.path, 'run', 'edge.lock');

describe('the lock of a data folder', () => {
  test('is written with the pid and released', () => {
    const lock = lockDataDir(dir.path, 'edge', '1.0.0');
    expect(JSON.parse(readFileSync(lockFile(), 'utf8'))).toMatchObject({
      pid: process.pid,
      version: '1.0.0',
    });
    lock.release();
    lock.release();
    expect(readdirSync(join(dir.path, 'run'))).toEqual([]);
  });

  test('a second process is refused with the pid of the first', async () => {
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const started = readFileSync(`/proc/${other.pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19];
    writeFileSync(lockFile(), JSON.stringify({ pid: other.pid, started }));
    try {
      expect(() => lockDataDir(dir.path, 'edge', '1')).toThrow(
        `process ${other.pid}: stop that process first`,
      );
    } finally {
      const gone = new Promise((resolve) => other.once('exit', resolve));
      other.kill('SIGKILL');
      await gone;
    }
    const lock = lockDataDir(dir.path, 'edge', '1');
    expect(readLock(dir.path, 'edge')?.pid).toBe(process.pid);
    lock.release();
  });

  test('a lock of a process that is gone, or whose pid was given again, is taken over', () => {
    // Process 1 lives, but it did not start at tick 1 with this lock.
    writeFileSync(lockFile(), JSON.stringify({ pid: 1, started: '999999999' }));
    expect(holderAlive({ pid: 1, role: 'edge', started: '999999999', version: '' })).toBe(false);
    const lock = lockDataDir(dir.path, 'edge', '1');
    expect(readLock(dir.path, 'edge')?.pid).toBe(process.pid);
    lock.release();
    expect(existsSync(lockFile())).toBe(false);
  });

  test('a torn lock file does not block the next start', () => {
    writeFileSync(lockFile(), '{"pid": 1');
    lockDataDir(dir.path, 'edge', '1').release();
  });
});
