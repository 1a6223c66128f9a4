import type { CommandSpec } from '../../command.js';
import { dataOption, logOptions, portBaseOption } from '../../options.js';

export const fieldRunOptions = [
  { flags: '--plant <name>', doc: 'which simulated plant', default: 'water-pumping-station' },
  { flags: '--seed <n>', doc: 'the same seed gives the same plant behaviour', default: '1' },
  { flags: '--host <address>', doc: 'address to listen on', default: '127.0.0.1' },
  { flags: '--modbus-port <n>', doc: 'Modbus TCP port (default: 5020)' },
  { flags: '--opcua-port <n>', doc: 'OPC UA port (default: 4840)' },
  { flags: '--journal <file>', doc: 'write down every value served, for tests of loss' },
  dataOption,
  portBaseOption,
  ...logOptions,
] as const;

export const fieldRun: CommandSpec = {
  path: ['field'],
  group: 'Run',
  summary: 'run a simulated plant on real protocols (Modbus TCP, OPC UA)',
  description: 'Runs a physical model of a plant behind real Modbus TCP and OPC UA servers, until Ctrl-C.',
  options: fieldRunOptions,
  examples: [
    { line: 'millrace field', doc: 'the water pumping station on 5020 and 4840' },
    { line: 'millrace field fault P-101 wire-break', doc: 'pull a wire while it runs' },
    { line: 'millrace field replay --file rec.csv --map map.yaml', doc: 'a recording instead of the model' },
  ],
  load: async () => (await import('../../work/field.js')).runField,
};
