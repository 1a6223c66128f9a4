import type { CommandSpec } from '../../command.js';
import { jsonOption, remoteOptions } from '../../options.js';

export const tokenList: CommandSpec = {
  path: ['token', 'list'],
  group: 'Set up',
  summary: 'list the tokens, never their text',
  options: [jsonOption, ...remoteOptions],
  load: async () => (await import('../../work/token.js')).tokenList,
};
