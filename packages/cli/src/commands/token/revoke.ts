import type { CommandSpec } from '../../command.js';
import { remoteOptions } from '../../options.js';

export const tokenRevoke: CommandSpec = {
  path: ['token', 'revoke'],
  group: 'Set up',
  summary: 'end a token at once',
  args: [{ name: 'id', doc: 'id of the token, from "millrace token list"' }],
  options: remoteOptions,
  load: async () => (await import('../../work/token.js')).tokenRevoke,
};
