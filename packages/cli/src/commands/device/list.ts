import type { CommandSpec } from '../../command.js';
import { jsonOption, remoteOptions } from '../../options.js';

export const deviceList: CommandSpec = {
  path: ['device', 'list'],
  group: 'Set up',
  summary: 'list the registered devices with their state',
  options: [
    { flags: '--state <state>', doc: 'only these', choices: ['online', 'stale', 'offline', 'never_seen'] },
    jsonOption,
    ...remoteOptions,
  ],
  load: async () => (await import('../../work/device.js')).deviceList,
};
