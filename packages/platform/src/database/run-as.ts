import { execFile } from 'node:child_process';
import { chmodSync, chownSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { MillraceError } from '@millrace/foundation';

const run = promisify(execFile);

/** How the programs of PostgreSQL are started here. PostgreSQL itself refuses to run as root. */
export interface RunAs {
  readonly way: 'self' | 'namespace' | 'account';
  /** Words before the program. */
  readonly prefix: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
}

/** What `owner.json` records: who made the data folder's database, and how it is started. */
interface OwnerRecord {
  readonly uid: number;
  readonly way: RunAs['way'];
  readonly account_uid?: number;
  readonly account_gid?: number;
}

const namespacePrefix = ['unshare', '--user', '--map-user=1000', '--map-group=1000'];

/**
 * Chooses how to start PostgreSQL's programs in `binDir` for a database at `pgData`: as ourselves when we are not
 * root; else in a user namespace; else as an unprivileged account that can reach the binaries and the data. The
 * choice is recorded in `<dataDir>/owner.json` and kept. Throws `data_dir_owner` when someone else made the folder,
 * and `database_cannot_start` when nothing works.
 */
export async function chooseRunAs(dataDir: string, pgData: string, binDir: string): Promise<RunAs> {
  const uid = process.getuid?.() ?? 0;
  const file = join(dataDir, 'owner.json');
  const recorded = readOwner(file);
  if (recorded !== undefined) {
    if (recorded.uid !== uid) throw someoneElse(dataDir, recorded.uid, uid);
    return fromRecord(recorded);
  }
  const chosen =
    uid === 0 ? await chooseForRoot(dataDir, pgData, binDir) : { way: 'self' as const, prefix: [] };
  const record: OwnerRecord = {
    uid,
    way: chosen.way,
    ...(chosen.uid === undefined ? {} : { account_uid: chosen.uid, account_gid: chosen.gid ?? chosen.uid }),
  };
  writeFileSync(file, `${JSON.stringify(record)}\n`, { mode: 0o600 });
  return chosen;
}

async function chooseForRoot(dataDir: string, pgData: string, binDir: string): Promise<RunAs> {
  const namespace: RunAs = { way: 'namespace', prefix: namespacePrefix };
  if (await reaches(namespace, pgData, binDir)) return namespace;
  // Another account must pass through our folder to its own; it may not list it, and secrets in it are 0600.
  const mode = statSync(dataDir).mode & 0o777;
  chmodSync(dataDir, mode | 0o011);
  for (const account of unprivilegedAccounts()) {
    chownSync(pgData, account.uid, account.gid);
    const candidate: RunAs = { way: 'account', prefix: [], ...account };
    if (await reaches(candidate, pgData, binDir)) return candidate;
    chownSync(pgData, 0, 0);
  }
  chmodSync(dataDir, mode);
  throw new MillraceError(
    'database_cannot_start',
    `PostgreSQL does not run as root, and neither a user namespace (unshare) nor an unprivileged account that can reach ${binDir} and ${pgData} works here: run Millrace as an ordinary user, allow user namespaces, or set DATABASE_URL to a PostgreSQL server.`,
  );
}

/** True when a program started that way can run the binaries and enter the data folder. */
async function reaches(runAs: RunAs, pgData: string, binDir: string): Promise<boolean> {
  for (const words of [
    [join(binDir, 'postgres'), '--version'],
    ['ls', pgData],
  ]) {
    const [file, args] = command(runAs, words);
    try {
      await run(file, args, spawnAccount(runAs));
    } catch {
      return false;
    }
  }
  return true;
}

/** The accounts `postgres` and `nobody`, where the machine has them. */
function unprivilegedAccounts(): { uid: number; gid: number }[] {
  if (!existsSync('/etc/passwd')) return [];
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  return ['postgres', 'nobody'].flatMap((name) => {
    const parts = lines.find((line) => line.startsWith(`${name}:`))?.split(':');
    return parts === undefined ? [] : [{ uid: Number(parts[2]), gid: Number(parts[3]) }];
  });
}

/** The program and arguments that start `words` that way. */
export function command(runAs: RunAs, words: readonly string[]): [string, string[]] {
  const all = [...runAs.prefix, ...words];
  return [all[0]!, all.slice(1)];
}

/** The spawn options of that way; the working folder is one that every account may enter. */
export function spawnAccount(runAs: RunAs): { uid?: number; gid?: number; cwd: string } {
  return runAs.uid === undefined ? { cwd: '/' } : { uid: runAs.uid, gid: runAs.gid ?? runAs.uid, cwd: '/' };
}

function readOwner(file: string): OwnerRecord | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as OwnerRecord;
  } catch (cause) {
    throw new MillraceError(
      'data_dir_owner',
      `${file} cannot be read (${String(cause)}): it says who owns the database; restore it, or delete it when you are the user who made the folder.`,
      { cause },
    );
  }
}

function fromRecord(record: OwnerRecord): RunAs {
  if (record.way === 'namespace') return { way: 'namespace', prefix: namespacePrefix };
  if (record.way === 'account' && record.account_uid !== undefined)
    return {
      way: 'account',
      prefix: [],
      uid: record.account_uid,
      gid: record.account_gid ?? record.account_uid,
    };
  return { way: 'self', prefix: [] };
}

function someoneElse(dataDir: string, owner: number, uid: number): MillraceError {
  return new MillraceError(
    'data_dir_owner',
    `The data folder ${dataDir} was made by user id ${owner} and you are ${uid}: start Millrace as that user, or choose another folder with --data.`,
  );
}
