import { linkSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorMessage, MillraceError } from '@millrace/foundation';

/** What a lock file says about its holder. `started` tells a reused pid from the process that took the lock. */
export interface LockHolder {
  readonly pid: number;
  readonly role: string;
  readonly started: string;
  readonly version: string;
}

export interface DataDirLock {
  /** Idempotent. */
  release(): void;
}

/**
 * Takes `run/<role>.lock` below the data folder for this process. A living holder is named in the error; a lock
 * whose holder is gone is taken over.
 */
export function lockDataDir(dataDir: string, role: string, version: string): DataDirLock {
  const path = lockPath(dataDir, role);
  const mine: LockHolder = { pid: process.pid, role, started: startedOf(process.pid) ?? '', version };
  const draft = `${path}.${process.pid}`;
  try {
    writeFileSync(draft, JSON.stringify(mine), { mode: 0o644 });
    for (let attempt = 0; attempt < 5; attempt++) {
      if (tryLink(draft, path)) return { release: () => releaseLock(path) };
      const holder = readLock(dataDir, role);
      if (holder && holderAlive(holder)) {
        throw new MillraceError(
          'data_dir_locked',
          `The data folder ${dataDir} is in use by "millrace ${verbOf(role)}", process ${holder.pid}: stop that process first, or choose another folder with --data.`,
          { details: { pid: holder.pid, role } },
        );
      }
      removeStale(path);
    }
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    throw new MillraceError(
      'data_dir_unwritable',
      `The lock file ${path} cannot be written (${errorMessage(error)}): give this user the right to the data folder.`,
      { cause: error },
    );
  } finally {
    rmSync(draft, { force: true });
  }
  throw new MillraceError('data_dir_locked', `The lock file ${path} changes hands all the time: try again.`);
}

/** The holder written in a role's lock, alive or not; undefined when there is none. */
export function readLock(dataDir: string, role: string): LockHolder | undefined {
  try {
    const held = JSON.parse(readFileSync(lockPath(dataDir, role), 'utf8')) as Partial<LockHolder>;
    if (typeof held.pid !== 'number') return undefined;
    return { pid: held.pid, role, started: held.started ?? '', version: held.version ?? '' };
  } catch {
    return undefined;
  }
}

/** Whether the process that took the lock still runs; a process that got the same pid later does not count. */
export function holderAlive(holder: LockHolder): boolean {
  if (holder.pid === process.pid) return false;
  const started = startedOf(holder.pid);
  if (started !== undefined && holder.started !== '') return started === holder.started;
  try {
    process.kill(holder.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The verb that starts a role: the platform's is `up`. */
export function verbOf(role: string): string {
  return role === 'platform' ? 'up' : role;
}

function lockPath(dataDir: string, role: string): string {
  return join(dataDir, 'run', `${role}.lock`);
}

/** A hard link is made by exactly one of several processes, and the file is complete from its first moment. */
function tryLink(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Moved away before it is deleted: of two processes that saw the same stale lock, one wins the rename. */
function removeStale(path: string): void {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
    unlinkSync(aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function releaseLock(path: string): void {
  try {
    const held = JSON.parse(readFileSync(path, 'utf8')) as { pid?: number };
    if (held.pid === process.pid) unlinkSync(path);
  } catch {
    // Gone already, or taken over by someone who found us dead: nothing of ours to release.
  }
}

/** Start time of a process in clock ticks since boot (proc(5), field 22); undefined off Linux or when gone. */
function startedOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
