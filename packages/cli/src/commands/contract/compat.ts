import type { CommandSpec } from '../../command.js';
import { jsonOption } from '../../options.js';

export const contractCompat: CommandSpec = {
  path: ['contract', 'compat'],
  group: 'Set up',
  summary: 'compare two versions of a contract: what is safe, what breaks, and the way out',
  description:
    'Compares two contracts, each a YAML or JSON file ("millrace contract show TYPE --as json" writes one) or type@version. Exit code 1 when the mode refuses a change.',
  args: [
    { name: 'old', doc: 'file, or e.g. centrifugal_pump@2.1' },
    { name: 'new', doc: 'file, or e.g. centrifugal_pump@2.1' },
  ],
  options: [
    {
      flags: '--mode <mode>',
      doc: 'which changes are refused',
      choices: ['BACKWARD', 'FORWARD', 'FULL', 'NONE'],
      default: 'FULL',
    },
    jsonOption,
  ],
  examples: [
    {
      line: 'millrace contract compat centrifugal_pump@2.1 pump-2.2.yaml',
      doc: 'before a new version is released',
    },
  ],
  load: async () => (await import('../../work/contract.js')).contractCompat,
};
