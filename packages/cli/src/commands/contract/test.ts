import type { CommandSpec } from '../../command.js';
import { jsonOption } from '../../options.js';

export const contractTest: CommandSpec = {
  path: ['contract', 'test'],
  group: 'Set up',
  summary: 'test sample messages of a firmware against the contract and its consumers',
  description:
    "Tests every .json file of a folder (one message each, or a .jsonl file with one a line) against the device type's contracts, with unknown fields rejected, and against what consumers expect. Exit code 1 when anything is broken; needs no running platform.",
  options: [
    { flags: '--type <type>', doc: 'device type, e.g. centrifugal_pump', required: true },
    { flags: '--samples <dir>', doc: 'folder with the sample messages', required: true },
    {
      flags: '--expect <file>',
      doc: 'YAML or JSON: a list "expectations" of {consumer, device_type, tags: [{name, unit, type, required}]}',
    },
    jsonOption,
  ],
  examples: [
    {
      line: 'millrace contract test --type centrifugal_pump --samples samples/ --expect consumers.yaml',
      doc: "in a firmware's own CI",
    },
  ],
  load: async () => (await import('../../work/contract.js')).contractTest,
};
