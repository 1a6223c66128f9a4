import type { CommandSpec } from '../../command.js';
import { jsonOption, remoteOptions } from '../../options.js';

export const deadLetterShow: CommandSpec = {
  path: ['dead-letter', 'show'],
  group: 'Watch',
  summary: 'show one dead letter with its payload as text or hex',
  args: [{ name: 'id', doc: 'its id, from "millrace dead-letter list"' }],
  options: [jsonOption, ...remoteOptions],
  load: async () => (await import('../../work/dead-letter.js')).deadLetterShow,
};
