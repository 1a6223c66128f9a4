import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from '../setup/build.mjs';
import { root } from '../setup/root.mjs';
import { runBin } from '../setup/run.mjs';
import { noTests } from './tally.mjs';

const consoleProject = 'packages/console/tsconfig.json';

/** Checks the types of the product, of its tests and of the console; each counts as one test. */
export async function runTypes(print) {
  const checks = [
    ['types of the packages', () => compile({ quiet: true })],
    ['types of the tests', () => runBin('tsc', ['-p', 'tsconfig.tests.json', '--noEmit'], { capture: true })],
  ];
  if (existsSync(join(root, consoleProject)))
    checks.push([
      'types of the console',
      () => runBin('tsc', ['-p', consoleProject, '--noEmit'], { capture: true }),
    ]);
  const tally = noTests();
  // The tests' project reads product sources as well, so an error there would be told twice.
  const told = new Set();
  for (const [name, check] of checks) {
    const { code, output } = await check();
    if (code === 0) {
      tally.passed += 1;
      continue;
    }
    const fresh = output
      .trim()
      .split('\n')
      .filter((line) => !told.has(line));
    for (const line of fresh) {
      told.add(line);
      print(line);
    }
    tally.failed += 1;
    tally.failures.push(name);
  }
  return tally;
}
