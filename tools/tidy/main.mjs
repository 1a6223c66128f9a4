#!/usr/bin/env node
// `npm run tidy`: the house rules, the generated files, and biome's format and lint.
import '../setup/check-node.mjs';

// A reader that has gone (`npm run tidy | head`) ends the run.
process.stdout.on('error', () => process.exit(1));

const { ensureInstalled } = await import('../setup/install.mjs');
const { fail } = await import('../setup/root.mjs');
try {
  await ensureInstalled();
} catch (error) {
  fail(error.message);
}
const { runTidy } = await import('./part.mjs');
const { closingLine } = await import('../test-parts/tally.mjs');
const tally = await runTidy((text) => process.stdout.write(`${text}\n`));
process.stdout.write(`${closingLine(tally)}\n`);
process.exitCode = tally.failed > 0 ? 1 : 0;
