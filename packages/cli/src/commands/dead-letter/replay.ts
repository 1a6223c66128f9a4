import type { CommandSpec } from '../../command.js';
import { jsonOption, remoteOptions } from '../../options.js';

export const deadLetterReplay: CommandSpec = {
  path: ['dead-letter', 'replay'],
  group: 'Watch',
  summary: 'send dead letters through ingestion again: one by its id, or all that match',
  description:
    'Sends dead letters through ingestion again, with the topic and time of arrival they had. Each becomes a reading at most once; one that is refused again stays kept, and the exit code is 1.',
  options: [
    { flags: '--id <id>', doc: 'this one' },
    { flags: '--reason <reason>', doc: 'all kept ones with this reason' },
    { flags: '--device <device>', doc: 'all kept ones of this device' },
    { flags: '--all', doc: 'all kept ones' },
    { flags: '--limit <n>', doc: 'at most so many, oldest first (1 to 10000)', default: '1000' },
    jsonOption,
    ...remoteOptions,
  ],
  examples: [
    { line: 'millrace dead-letter replay --id 17', doc: 'one' },
    {
      line: 'millrace dead-letter replay --reason unknown_schema_version_2.2',
      doc: 'after a release that knows the version',
    },
  ],
  load: async () => (await import('../../work/dead-letter.js')).deadLetterReplay,
};
