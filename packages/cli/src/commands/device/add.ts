import type { CommandSpec } from '../../command.js';
import { remoteOptions } from '../../options.js';

export const deviceAdd: CommandSpec = {
  path: ['device', 'add'],
  group: 'Set up',
  summary: 'register a device',
  args: [{ name: 'device', doc: 'device id, e.g. P-104' }],
  options: [
    { flags: '--type <type>', doc: 'device type, e.g. centrifugal_pump', required: true },
    { flags: '--title <title>', doc: 'name for people' },
    { flags: '--enterprise <segment>', doc: "enterprise segment of its topics (default: the tenant's)" },
    { flags: '--site <segment>', doc: 'site segment', required: true },
    { flags: '--area <segment>', doc: 'area segment', required: true },
    { flags: '--line <segment>', doc: 'line segment', required: true },
    { flags: '--gateway <device>', doc: 'the gateway that speaks for it; none = it connects by itself' },
    ...remoteOptions,
  ],
  examples: [
    {
      line: 'millrace device add P-104 --type centrifugal_pump --site north-station --area pumping --line line-1',
      doc: 'a pump with its own connection',
    },
  ],
  load: async () => (await import('../../work/device.js')).deviceAdd,
};
