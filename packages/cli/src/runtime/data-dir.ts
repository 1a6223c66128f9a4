import { accessSync, constants, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { errorMessage, MillraceError } from '@millrace/foundation';
import type { Invocation } from '../command.js';
import { integerOption, textOption } from '../options.js';

/** The folder of a run: `--data`, else `./var/p<N>` with `--port-base N`, else `./var`. Absolute. */
export function dataDirOf(invocation: Invocation): string {
  const given = textOption(invocation, 'data');
  if (given !== undefined) return resolve(given);
  const base = portBaseOf(invocation);
  return resolve(base === undefined ? 'var' : join('var', `p${base}`));
}

/** `--port-base`, checked so that N to N+6 are all unprivileged ports. */
export function portBaseOf(invocation: Invocation): number | undefined {
  return integerOption(invocation, 'portBase', '--port-base', 1024, 65529);
}

/** Creates the folder and its usual rooms; a folder that cannot be written is one sentence, not an errno. */
export function prepareDataDir(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o755 });
    for (const room of ['run', 'log']) mkdirSync(join(dataDir, room), { recursive: true, mode: 0o755 });
    for (const room of ['.', 'run', 'log']) {
      accessSync(join(dataDir, room), constants.W_OK | constants.X_OK);
    }
  } catch (error) {
    throw new MillraceError(
      'data_dir_unwritable',
      `The data folder ${dataDir} cannot be written (${errorMessage(error).split(',')[0]}): give this user the right to it, or choose another with --data.`,
      { cause: error },
    );
  }
}
