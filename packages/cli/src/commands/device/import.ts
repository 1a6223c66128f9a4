import type { CommandSpec } from '../../command.js';
import { remoteOptions } from '../../options.js';

export const deviceImport: CommandSpec = {
  path: ['device', 'import'],
  group: 'Set up',
  summary: 'register all devices of a file (YAML, JSON or CSV); safe to repeat',
  args: [{ name: 'file', doc: 'list of devices, e.g. blueprints/water-pumping-station/devices.yaml' }],
  options: remoteOptions,
  load: async () => (await import('../../work/device.js')).deviceImport,
};
