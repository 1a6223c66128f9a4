import { readFileSync } from 'node:fs';
import { errorMessage, MillraceError } from '@millrace/foundation';
import type { Work } from '../command.js';
import { textOption } from '../options.js';

/** Reads a configuration file; a file that cannot be read is one sentence. */
export function readConfigFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const why = missing ? 'does not exist' : `cannot be read (${errorMessage(error)})`;
    throw new MillraceError('config_unreadable', `The configuration file ${file} ${why}: check the path.`, {
      cause: error,
    });
  }
}

export const configCheck: Work = async (invocation) => {
  const file = invocation.args.file ?? '';
  const text = readConfigFile(file);
  const kind = textOption(invocation, 'kind') ?? guessKind(text);
  if (kind === 'edge') (await import('@millrace/edge')).checkGatewayConfig(text, file);
  else (await import('@millrace/platform')).checkPlatformConfig(text, file);
  process.stdout.write(`${file}: a valid ${kind} configuration.\n`);
  return 0;
};

/** A gateway's file is the only one that lists what it reads. */
function guessKind(text: string): 'edge' | 'platform' {
  return /^(drivers|gateway|devices|uplinks?)\s*:/m.test(text) ? 'edge' : 'platform';
}
