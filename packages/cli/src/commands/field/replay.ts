import type { CommandSpec } from '../../command.js';
import { fieldRunOptions } from './run.js';

export const fieldReplay: CommandSpec = {
  path: ['field', 'replay'],
  group: 'Try out',
  summary: 'serve a recorded CSV through the same Modbus and OPC UA servers',
  options: [
    { flags: '--file <csv>', doc: 'the recording; its first line names the columns', required: true },
    { flags: '--map <yaml>', doc: 'which column is which tag', required: true },
    { flags: '--speed <n>', doc: 'times the original spacing, e.g. 10 for ten times faster', default: '1' },
    ...fieldRunOptions,
  ],
  examples: [
    { line: 'millrace field replay --file pump.csv --map map.yaml', doc: 'in the original spacing' },
    { line: 'millrace field replay --file pump.csv --map map.yaml --speed 60', doc: 'an hour in a minute' },
  ],
  load: async () => (await import('../../work/field.js')).runFieldReplay,
};
