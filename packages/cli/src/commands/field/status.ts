import type { CommandSpec } from '../../command.js';
import { dataOption, jsonOption, portBaseOption } from '../../options.js';

export const fieldStatus: CommandSpec = {
  path: ['field', 'status'],
  group: 'Watch',
  summary: 'what the simulated plant serves and which faults are set',
  options: [jsonOption, dataOption, portBaseOption],
  load: async () => (await import('../../work/field-orders.js')).fieldStatus,
};
