import type { CommandSpec } from '../command.js';
import { jsonOption, remoteOptions } from '../options.js';

export const prove: CommandSpec = {
  path: ['prove'],
  group: 'Watch',
  summary: 'account for every message of a device: expected, stored, missing',
  description:
    'Prints the completeness report of a device from the gap ledger. The exit code is 1 when a message is missing or lost.',
  options: [
    { flags: '--device <device>', doc: 'device id', required: true },
    { flags: '--from <time>', doc: 'RFC 3339 time (default: 24 hours ago)' },
    { flags: '--to <time>', doc: 'RFC 3339 time (default: now)' },
    jsonOption,
    ...remoteOptions,
  ],
  examples: [{ line: 'millrace prove --device P-101', doc: 'the last 24 hours' }],
  load: async () => (await import('../work/prove.js')).prove,
};
