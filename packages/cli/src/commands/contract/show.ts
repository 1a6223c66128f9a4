import type { CommandSpec } from '../../command.js';

export const contractShow: CommandSpec = {
  path: ['contract', 'show'],
  group: 'Set up',
  summary: 'print a contract as JSON Schema, Protobuf, TypeScript, Markdown, SQL columns or JSON',
  args: [{ name: 'type', doc: 'device type, e.g. centrifugal_pump' }],
  options: [
    { flags: '--version <version>', doc: 'e.g. 2.1 (default: the newest)' },
    {
      flags: '--as <form>',
      doc: 'in which form',
      choices: ['json', 'json-schema', 'proto', 'typescript', 'markdown', 'sql'],
      default: 'markdown',
    },
  ],
  load: async () => (await import('../../work/contract.js')).contractShow,
};
