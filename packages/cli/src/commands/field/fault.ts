import type { CommandSpec } from '../../command.js';
import { dataOption, portBaseOption } from '../../options.js';

export const fieldFault: CommandSpec = {
  path: ['field', 'fault'],
  group: 'Try out',
  summary: 'break something in the running simulated plant, or mend it',
  args: [
    { name: 'device', doc: 'device id, e.g. P-101' },
    { name: 'kind', doc: 'what breaks', choices: ['wire-break', 'stuck', 'drift', 'power-loss'] },
  ],
  options: [
    { flags: '--tag <tag>', doc: "the tag (default: the device's analogue signal)" },
    { flags: '--clear', doc: 'mend it again' },
    dataOption,
    portBaseOption,
  ],
  examples: [
    { line: 'millrace field fault P-101 wire-break', doc: 'the signal goes Bad, sensor failure, within 3 s' },
    { line: 'millrace field fault P-101 wire-break --clear', doc: 'and comes back' },
    { line: 'millrace field fault P-102 power-loss', doc: 'the device no longer answers' },
  ],
  load: async () => (await import('../../work/field-orders.js')).fieldFault,
};
