import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type SessionStore, SqliteStore } from '@millrace/broker';

/** Where the broker keeps sessions, queued and retained messages over restarts: `<dataDir>/broker/sessions.db`. */
export function sessionStore(dataDir: string): SessionStore {
  const folder = join(dataDir, 'broker');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return new SqliteStore(join(folder, 'sessions.db'));
}
