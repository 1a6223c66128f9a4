import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, say } from './root.mjs';

/**
 * Runs `work` while no other command of this workspace installs or builds: two `npm start` side by side must not
 * write the same files. A lock whose process has gone is taken over.
 */
export async function withLock(name, work) {
  const dir = join(root, 'var');
  const path = join(dir, `${name}.lock`);
  mkdirSync(dir, { recursive: true });
  let told = false;
  while (!take(path)) {
    const owner = Number(readOwner(path));
    if (!alive(owner)) {
      rmSync(path, { force: true });
      continue;
    }
    if (!told) say(`Waiting for process ${owner}, which is setting up this folder.`);
    told = true;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  const release = () => {
    if (readOwner(path) === String(process.pid)) rmSync(path, { force: true });
  };
  process.once('exit', release);
  try {
    return await work();
  } finally {
    release();
    process.removeListener('exit', release);
  }
}

function take(path) {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function readOwner(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function alive(pid) {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
