import type { CommandSpec } from '../../command.js';
import { jsonOption, remoteOptions } from '../../options.js';

export const contractRetire: CommandSpec = {
  path: ['contract', 'retire'],
  group: 'Set up',
  summary: 'check whether a field may be retired: which devices still send it',
  description:
    'Asks a running platform which devices still send a field, by the contract and firmware of their last message. Exit code 1 while there is one, or one that never reported.',
  args: [
    { name: 'type', doc: 'device type, e.g. centrifugal_pump' },
    { name: 'field', doc: 'name of the tag' },
  ],
  options: [
    {
      flags: '--stopped-in <version>',
      doc: 'firmware from which on the field is not sent; versions compare as numbers, 10.0.0 is newer than 2.0.0',
    },
    jsonOption,
    ...remoteOptions,
  ],
  load: async () => (await import('../../work/contract-retire.js')).contractRetire,
};
