import type { CommandSpec } from '../../command.js';

export const configCheck: CommandSpec = {
  path: ['config', 'check'],
  group: 'Set up',
  summary: 'check a gateway or platform configuration; every problem at once, with its line',
  args: [{ name: 'file', doc: 'the YAML file' }],
  options: [
    {
      flags: '--kind <kind>',
      doc: 'which kind it is (default: told by its content)',
      choices: ['edge', 'platform'],
    },
  ],
  examples: [
    { line: 'millrace config check gateway.yaml', doc: 'exit code 1 and a list when something is wrong' },
  ],
  load: async () => (await import('../../work/config.js')).configCheck,
};
