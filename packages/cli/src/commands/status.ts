import type { CommandSpec } from '../command.js';
import { jsonOption, remoteOptions } from '../options.js';

export const status: CommandSpec = {
  path: ['status'],
  group: 'Watch',
  summary: 'what runs here, how the devices are, what waits and what is missing',
  description:
    'One screen: processes, devices by state, throughput, outbox depth, gaps. The exit code is 1 when something needs attention.',
  options: [jsonOption, ...remoteOptions],
  examples: [{ line: 'millrace status', doc: 'the processes on ./var' }],
  load: async () => (await import('../work/status.js')).status,
};
