import type { CommandSpec } from '../command.js';
import { dataOption, portBaseOption } from '../options.js';

export const demo: CommandSpec = {
  path: ['demo'],
  group: 'Run',
  summary: 'run a whole simulated water pumping station with gateway and platform',
  description:
    'Runs "millrace field", "millrace up" and "millrace edge" together, until Ctrl-C. The first start writes their configuration files and certificates into the data folder; later starts continue with them.',
  options: [dataOption, portBaseOption],
  examples: [
    { line: 'millrace demo', doc: 'console on http://127.0.0.1:8080' },
    { line: 'millrace demo --port-base 9000', doc: 'a second copy beside it, in ./var/p9000' },
  ],
  load: async () => (await import('../work/demo/run.js')).runDemo,
};
