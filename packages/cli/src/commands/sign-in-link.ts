import type { CommandSpec } from '../command.js';
import { dataOption, portBaseOption } from '../options.js';

export const signInLink: CommandSpec = {
  path: ['sign-in-link'],
  group: 'Set up',
  summary: 'print a one-time link that signs a person in to the console',
  options: [
    {
      flags: '--role <role>',
      doc: 'what the person may do',
      choices: ['viewer', 'operator', 'admin'],
      default: 'admin',
    },
    dataOption,
    portBaseOption,
  ],
  examples: [{ line: 'millrace sign-in-link --role operator', doc: 'works once, for a few minutes' }],
  load: async () => (await import('../work/sign-in-link.js')).signInLink,
};
