import type { CommandSpec } from '../../command.js';
import { jsonOption, remoteOptions } from '../../options.js';

export const deadLetterList: CommandSpec = {
  path: ['dead-letter', 'list'],
  group: 'Watch',
  summary: 'list the messages that could not become readings, newest first',
  options: [
    { flags: '--reason <reason>', doc: 'only this reason, e.g. schema_violation' },
    { flags: '--device <device>', doc: 'only this device' },
    {
      flags: '--status <status>',
      doc: 'only these',
      choices: ['kept', 'stored', 'duplicate', 'discarded', 'all'],
      default: 'kept',
    },
    { flags: '--limit <n>', doc: 'at most so many (1 to 1000)', default: '100' },
    jsonOption,
    ...remoteOptions,
  ],
  load: async () => (await import('../../work/dead-letter.js')).deadLetterList,
};
