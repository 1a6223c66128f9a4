import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere } from '../setup/files.mjs';
import { root } from '../setup/root.mjs';
import { runBin } from '../setup/run.mjs';
import { tallyVitest } from './tally.mjs';

/** Runs test files with vitest and returns their counts. */
export async function runVitest(part, files) {
  const folder = join(root, 'var', 'test');
  const reportFile = join(folder, `${part.name}.json`);
  mkdirSync(folder, { recursive: true });
  rmSync(reportFile, { force: true });
  const serial = part.serial ? ['--no-file-parallelism', '--maxWorkers=1'] : [];
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
  const { code } = await runBin('vitest', ['run', '--root', root, ...serial, ...reporters, ...files], {
    toStderr: false,
  });
  const text = readIfThere(reportFile);
  return tallyVitest(part.name, text === undefined ? undefined : JSON.parse(text), code, root);
}
