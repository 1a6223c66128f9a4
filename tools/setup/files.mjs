import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const skippedDirs = new Set(['node_modules', 'dist', 'var', '.git', 'coverage']);

/** Every file under `dir` for which `keep(path)` holds, sorted; build output and installed packages are left out. */
export function walk(dir, keep = () => true) {
  const found = [];
  let entries;
  try {
    entries = readdirSync(dir, { withFileTypes: true });
  } catch {
    return found;
  }
  for (const entry of entries) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) {
      if (!skippedDirs.has(entry.name)) found.push(...walk(path, keep));
    } else if (entry.isFile() && keep(path)) found.push(path);
  }
  return found.sort();
}

/** One hash over the names and bytes of `files`, names taken relative to `base` so that a moved tree agrees. */
export function hashFiles(files, base, salt = '') {
  const hash = createHash('sha256').update(salt);
  for (const file of files) {
    hash.update(`\0${relative(base, file)}\0`);
    hash.update(readFileSync(file));
  }
  return hash.digest('hex');
}

/** The text of a file, or undefined when it is not there. */
export function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
