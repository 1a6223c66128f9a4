import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const left = new Set<string>();
process.on('exit', () => {
  for (const path of left) rmSync(path, { recursive: true, force: true });
});

/** A folder of one test. It goes when `remove` is called, and at the latest when the test process ends. */
export interface TempDir {
  readonly path: string;
  remove(): void;
}

/** Makes a new, empty folder under the system's folder for temporary files. */
export function tempDir(prefix = 'test'): TempDir {
  const path = mkdtempSync(join(tmpdir(), `millrace-${prefix}-`));
  left.add(path);
  return {
    path,
    remove() {
      rmSync(path, { recursive: true, force: true, maxRetries: 3 });
      left.delete(path);
    },
  };
}
