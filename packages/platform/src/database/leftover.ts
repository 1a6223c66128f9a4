import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, type Logger, MillraceError, sleep } from '@millrace/foundation';

/**
 * Deals with what an earlier platform left in `pgData`: a server that still runs is stopped (fast shutdown: it
 * commits or rolls back and writes its checkpoint), a `postmaster.pid` whose process is not a PostgreSQL of this
 * folder is removed. A leftover is stopped and not adopted, so that the server is always our child and supervised.
 */
export async function endLeftoverServer(pgData: string, clock: Clock, logger: Logger): Promise<void> {
  const file = join(pgData, 'postmaster.pid');
  if (!existsSync(file)) return;
  const pid = Number.parseInt(readFileSync(file, 'utf8').split('\n')[0] ?? '', 10);
  if (!Number.isInteger(pid) || pid <= 1 || !alive(pid) || !isServerOf(pid, pgData)) {
    rmSync(file, { force: true });
    return;
  }
  logger.warn('A database server of an earlier run is still alive; it is stopped first.', { pid });
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    process.kill(pid, signal);
    const deadline = clock.monotonicMs() + 30_000;
    while (alive(pid) && clock.monotonicMs() < deadline) await sleep(clock, 50);
    if (!alive(pid)) return;
  }
  throw new MillraceError(
    'database_cannot_start',
    `The database server of an earlier run (process ${pid}) does not stop: end it, then start Millrace again.`,
  );
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function isZombie(pid: number): boolean {
  try {
    return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Whether the process is a PostgreSQL on this folder; where there is no /proc, the pid file is believed. */
function isServerOf(pid: number, pgData: string): boolean {
  if (!existsSync('/proc/self/cmdline')) return true;
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(pgData);
  } catch {
    return false;
  }
}
