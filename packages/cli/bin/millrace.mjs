#!/usr/bin/env node
// Starts `millrace`. Node built-ins only and no syntax newer than Node 14.8, so that an old Node or a fresh clone
// gets a sentence instead of a stack trace.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const entry = join(root, 'packages/cli/dist/main.js');

function fail(sentence) {
  process.stderr.write(`millrace: ${sentence}\n`);
  process.exit(1);
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  fail(`Node ${process.versions.node} is too old: install Node 20.19 or newer and try again.`);
}

/** The newest change below a package's `src`, ms; 0 when there is none. */
function newestSource(folder) {
  let newest = 0;
  for (const item of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, item.name);
    if (item.isDirectory()) newest = Math.max(newest, newestSource(path));
    else if (/\.tsx?$/.test(item.name) && !/\.test\.tsx?$/.test(item.name))
      newest = Math.max(newest, statSync(path).mtimeMs);
  }
  return newest;
}

/** A package is stale when a source is newer than what its last compilation left behind. */
function staleBuild() {
  if (!existsSync(entry)) return 'it has not been built yet';
  if (!existsSync(join(root, 'node_modules/commander'))) return 'its libraries are not installed yet';
  for (const name of readdirSync(join(root, 'packages'))) {
    const folder = join(root, 'packages', name);
    const stamp = join(folder, 'tsconfig.tsbuildinfo');
    if (!existsSync(join(folder, 'src')) || !existsSync(stamp)) continue;
    if (newestSource(join(folder, 'src')) > statSync(stamp).mtimeMs) return `packages/${name} has changed`;
  }
  return undefined;
}

async function ensureFresh() {
  const reason = staleBuild();
  const setup = join(root, 'tools/setup');
  if (reason === undefined || !existsSync(join(setup, 'build.mjs'))) return;
  try {
    const { ensureInstalled } = await import(pathToFileURL(join(setup, 'install.mjs')).href);
    await ensureInstalled();
    const { ensureBuilt } = await import(pathToFileURL(join(setup, 'build.mjs')).href);
    await ensureBuilt();
  } catch (error) {
    fail(`it cannot be built, though ${reason} (${error.message}): run \`npm run build\` to see why.`);
  }
}

checkNode();
// The children of a running product skip this: they must start from what their parent was started from.
if (process.env.MILLRACE_BUILD_CHECK !== 'off') await ensureFresh();
if (!existsSync(entry)) fail('it has not been built yet: run `npm start`, or `npm run build` and try again.');

import(pathToFileURL(entry).href).catch((error) => {
  fail(`it could not be loaded (${error.message}): run \`npm run build\` and try again.`);
});
