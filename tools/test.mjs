#!/usr/bin/env node
// `npm test`: every part in order, or `npm test -- --part tidy,unit`; `--long` runs the long forms as well.
import './setup/check-node.mjs';

// A reader that has gone (`npm test | head`) ends the run.
process.stdout.on('error', () => process.exit(1));

const { parseArguments, runParts } = await import('./test-parts/run-parts.mjs');
const { fail } = await import('./setup/root.mjs');

let wanted;
try {
  wanted = parseArguments(process.argv.slice(2));
} catch (error) {
  fail(error.message);
}
process.exitCode = await runParts(wanted);
