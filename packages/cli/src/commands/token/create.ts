import type { CommandSpec } from '../../command.js';
import { remoteOptions } from '../../options.js';

export const tokenCreate: CommandSpec = {
  path: ['token', 'create'],
  group: 'Set up',
  summary: 'create a bearer token for the API and print it once',
  options: [
    {
      flags: '--role <role>',
      doc: 'what it may do',
      choices: ['viewer', 'operator', 'admin'],
      required: true,
    },
    { flags: '--name <name>', doc: 'what it is for, shown in lists', default: 'command line' },
    { flags: '--days <n>', doc: 'days until it expires', default: '365' },
    ...remoteOptions,
  ],
  examples: [
    {
      line: 'millrace token create --role viewer --name grafana',
      doc: 'prints the token on a line of its own',
    },
    {
      line: 'curl -H "Authorization: Bearer $(millrace token create --role viewer)" http://127.0.0.1:8080/v1/devices',
      doc: 'use it at once',
    },
  ],
  load: async () => (await import('../../work/token.js')).tokenCreate,
};
