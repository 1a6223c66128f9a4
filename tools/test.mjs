#!/usr/bin/env node
// `npm test`: every part in order, or `npm test -- --part tidy,unit`; `--long` runs the long forms as well.
import './setup/check-node.mjs';

const { parseArguments, runParts } = await import('./test-parts/run-parts.mjs');
const { fail } = await import('./setup/root.mjs');

let wanted;
try {
  wanted = parseArguments(process.argv.slice(2));
} catch (error) {
  fail(error.message);
}
process.exitCode = await runParts(wanted);
