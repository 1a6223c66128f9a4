import type { CommandSpec } from '../command.js';
import { dataOption, logOptions, portBaseOption } from '../options.js';

export const edge: CommandSpec = {
  path: ['edge'],
  group: 'Run',
  summary: 'run a gateway: read devices, buffer, send to a platform',
  description:
    'Runs one gateway, until Ctrl-C. It starts and reads without a platform; what it reads waits in its outbox.',
  options: [
    { flags: '--config <file>', doc: 'gateway configuration (YAML)', required: true },
    { flags: '--page-port <n>', doc: "serve the gateway's own page on 127.0.0.1 at this port" },
    { flags: '--metrics-port <n>', doc: 'serve Prometheus metrics on 127.0.0.1 at this port' },
    dataOption,
    portBaseOption,
    ...logOptions,
  ],
  examples: [
    { line: 'millrace edge --config gateway.yaml', doc: 'run the gateway' },
    { line: 'millrace config check gateway.yaml', doc: 'only check the file' },
  ],
  load: async () => (await import('../work/edge.js')).runEdge,
};
