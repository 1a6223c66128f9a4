import type { CommandSpec } from '../../command.js';
import { remoteOptions } from '../../options.js';

export const deadLetterDiscard: CommandSpec = {
  path: ['dead-letter', 'discard'],
  group: 'Watch',
  summary: 'let a dead letter go: removes its payload for good, keeps who did it, when and why',
  args: [{ name: 'id', doc: 'its id, from "millrace dead-letter list"' }],
  options: [{ flags: '--why <text>', doc: 'the reason, for the record', required: true }, ...remoteOptions],
  load: async () => (await import('../../work/dead-letter.js')).deadLetterDiscard,
};
