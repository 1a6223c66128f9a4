import { execFileSync } from 'node:child_process';
import { root } from '../setup/root.mjs';
import { binPath } from '../setup/run.mjs';

/** The text as biome would write it, so that generated files pass the same check as written ones. */
export function format(path, text) {
  return execFileSync(process.execPath, [binPath('biome'), 'format', `--stdin-file-path=${path}`], {
    cwd: root,
    input: text,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}
