import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { Invocation } from '../command.js';
import { buildProgram } from '../program.js';
import { commands } from './registry.generated.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const files = readdirSync(here, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.ts') && !file.includes('.test.') && !file.startsWith('registry.'),
);

describe('the verbs', () => {
  test('every file of the folder is in the registry under its own path', () => {
    const expected = files.map((file) => file.replace(/\.ts$/, '').replace(/\/run$/, '')).sort();
    expect(commands.map((spec) => spec.path.join('/')).sort()).toEqual(expected);
  });

  test('a command file imports its work only when it runs', () => {
    for (const file of files) {
      const imports = [...readFileSync(here + file, 'utf8').matchAll(/^import .* from '(.*)';$/gm)].map(
        (m) => m[1],
      );
      expect(
        imports.filter((name) => !/\.\/(command|options|run)\.js$/.test(name ?? '')),
        file,
      ).toEqual([]);
    }
  });

  test('every verb loads its work and has help with its options', async () => {
    const program = buildProgram({ commands, version: '1', onResult: () => {} });
    for (const spec of commands) {
      expect(await spec.load(), spec.path.join(' ')).toBeTypeOf('function');
      const [noun, verb] = spec.path;
      const top = program.commands.find((command) => command.name() === noun);
      const command = verb ? top?.commands.find((child) => child.name() === verb) : top;
      for (const option of spec.options ?? []) {
        expect(command?.helpInformation()).toContain(option.flags.split(/[ ,]/)[0]);
      }
    }
  });
});

test('an option after a verb belongs to the verb, also where the noun has the same', async () => {
  const seen: unknown[] = [];
  const spied = commands.map((spec) => ({
    ...spec,
    load: async () => async (invocation: Invocation) => {
      seen.push([spec.path.join(' '), invocation.options.data, invocation.args]);
      return 0;
    },
  }));
  const run = (...argv: string[]) =>
    buildProgram({ commands: spied, version: '1', onResult: () => {} }).parseAsync(argv, { from: 'user' });
  await run('field', 'status', '--data', 'x');
  await run('field', '--data', 'y');
  await run('field', 'fault', 'P-101', 'stuck', '--data', 'z');
  expect(seen).toEqual([
    ['field status', 'x', {}],
    ['field', 'y', {}],
    ['field fault', 'z', { device: 'P-101', kind: 'stuck' }],
  ]);
});
