#!/usr/bin/env node
// `npm start`: installs and builds what is missing, then runs the demo plant, gateway and platform.
import './setup/check-node.mjs';

const { root, fail } = await import('./setup/root.mjs');
const { ensureInstalled } = await import('./setup/install.mjs');
const { ensureBuilt } = await import('./setup/build.mjs');
const { runForeground } = await import('./setup/foreground.mjs');

try {
  await ensureInstalled();
  await ensureBuilt();
} catch (error) {
  fail(error.message);
}
// What was built just now needs no second look.
process.env.MILLRACE_BUILD_CHECK = 'off';
process.exitCode = await runForeground(process.execPath, [
  `${root}/packages/cli/bin/millrace.mjs`,
  'demo',
  ...process.argv.slice(2),
]);
