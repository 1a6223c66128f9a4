import type { CommandSpec } from '../command.js';
import { jsonOption, remoteOptions } from '../options.js';

export const prove: CommandSpec = {
  path: ['prove'],
  group: 'Watch',
  summary: 'account for every message: expected, stored, missing',
  description:
    'Prints the completeness report of a device, or of all devices with the worst first, from the gap ledger. The exit code is 1 when a message is missing or lost.',
  options: [
    { flags: '--device <device>', doc: 'only this device, with its ranges (default: all devices)' },
    { flags: '--from <time>', doc: 'RFC 3339 time (default: 24 hours ago)' },
    { flags: '--to <time>', doc: 'RFC 3339 time (default: now)' },
    jsonOption,
    ...remoteOptions,
  ],
  examples: [
    { line: 'millrace prove', doc: 'all devices, the last 24 hours' },
    { line: 'millrace prove --device P-101 --json', doc: 'one device, for a program' },
  ],
  load: async () => (await import('../work/prove.js')).prove,
};
