import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock, Random } from '@millrace/foundation';
import { errorMessage, MillraceError } from '@millrace/foundation';
import { DatabaseSync } from '@photostructure/sqlite';

export type Database = InstanceType<typeof DatabaseSync>;

/** Lanes are drained in this order; rows stamped while the clock was unset wait in `heldOffset + lane`. */
export const Lane = { events: 0, telemetry: 1 } as const;
export const heldOffset = 10;

const tables = `
  CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS sequences (device_id TEXT PRIMARY KEY, last_seq INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    lane INTEGER NOT NULL,
    device_id TEXT NOT NULL,
    seq INTEGER,
    ts INTEGER NOT NULL,
    stored_ms INTEGER NOT NULL,
    topic TEXT NOT NULL,
    payload TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    retry_ms INTEGER NOT NULL DEFAULT 0,
    sent_ms INTEGER,
    held_run TEXT,
    held_offset REAL
  );
  CREATE INDEX IF NOT EXISTS outbox_unsent ON outbox (lane, id) WHERE sent_ms IS NULL;
  CREATE INDEX IF NOT EXISTS outbox_retry ON outbox (retry_ms) WHERE sent_ms IS NULL AND attempts > 0;
  CREATE INDEX IF NOT EXISTS outbox_sent ON outbox (sent_ms) WHERE sent_ms IS NOT NULL;
`;

/** SQLite's page size of new databases. */
const pageBytes = 4096;

/** A broken file that was set aside. */
export interface SetAside {
  readonly movedTo: string;
  readonly reason: string;
  /** Times between which its unsent rows were written, as far as the file system tells; ms since 1970. */
  readonly fromMs: number;
  readonly toMs: number;
}

export interface OpenedDatabase {
  readonly database: Database;
  readonly setAside: SetAside | undefined;
}

/**
 * Opens the outbox file, or makes it. A file that is not a sound database is renamed and a new one is begun, because
 * a gateway that cannot start loses more than a gateway that lost its buffer. The file never grows above
 * `hardLimitBytes`. Throws when the folder takes no file.
 */
export function openDatabase(
  file: string,
  hardLimitBytes: number,
  clock: Clock,
  random: Random,
): OpenedDatabase {
  try {
    mkdirSync(dirname(file), { recursive: true });
  } catch (error) {
    throw new MillraceError(
      'data_dir_unwritable',
      `The outbox folder ${dirname(file)} cannot be made: ${errorMessage(error)}.`,
      { cause: error },
    );
  }
  try {
    return { database: prepare(file, hardLimitBytes, random), setAside: undefined };
  } catch (error) {
    if (!isCorruption(error)) {
      throw new MillraceError(
        'data_dir_unwritable',
        `The outbox ${file} cannot be opened: ${errorMessage(error)}; look at the folder's rights and free space.`,
        { cause: error },
      );
    }
    const setAside = moveAside(file, clock, errorMessage(error));
    return { database: prepare(file, hardLimitBytes, random), setAside };
  }
}

function prepare(file: string, hardLimitBytes: number, random: Random): Database {
  const database = new DatabaseSync(file, { timeout: 5000 });
  try {
    // FULL: a committed row survives a power cut, which is what "written to the outbox first" promises.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -8192;');
    database.exec('PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = 67108864;');
    // Retention keeps the file below its limit; this is the wall behind it, met as a full disk would be.
    database.exec(`PRAGMA max_page_count = ${Math.ceil(hardLimitBytes / pageBytes)};`);
    database.exec(tables);
    const check = database.prepare('PRAGMA quick_check(1)').get() as { quick_check?: string } | undefined;
    if (check?.quick_check !== 'ok') throw new CorruptError(check?.quick_check ?? 'the check gave no answer');
    database
      .prepare("INSERT OR IGNORE INTO facts (key, value) VALUES ('epoch', ?)")
      .run(1 + random.int(2 ** 32 - 1));
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

class CorruptError extends Error {}

/** SQLITE_CORRUPT (11) or SQLITE_NOTADB (26). */
export function isCorruption(error: unknown): boolean {
  const code = resultCode(error);
  return error instanceof CorruptError || code === 11 || code === 26;
}

/** SQLITE_FULL (13), SQLITE_IOERR (10) or SQLITE_READONLY (8): the disk takes nothing now but may later. */
export function isDiskTrouble(error: unknown): boolean {
  const code = resultCode(error);
  return code === 13 || code === 10 || code === 8;
}

function resultCode(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | undefined)?.errcode;
  return typeof code === 'number' ? code & 0xff : undefined;
}

/** Renames the database and its companions; the bytes stay for whoever wants to look. */
export function moveAside(file: string, clock: Clock, reason: string): SetAside {
  const movedTo = `${file}.broken-${clock.nowMs()}`;
  const stat = existsSync(file) ? statSync(file) : undefined;
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(file + suffix)) renameSync(file + suffix, movedTo + suffix);
  }
  const toMs = Math.round(stat?.mtimeMs ?? clock.nowMs());
  return { movedTo, reason, fromMs: Math.min(toMs, Math.round(stat?.birthtimeMs ?? toMs)), toMs };
}
