import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere } from './files.mjs';
import { withLock } from './lock.mjs';
import { root, say } from './root.mjs';
import { run } from './run.mjs';

const lockFile = join(root, 'package-lock.json');
const stampFile = join(root, 'node_modules', '.millrace-install');

/** Installs the npm packages when they are not those of package-lock.json. Returns whether it had to. */
export async function ensureInstalled() {
  if (upToDate()) return false;
  return withLock('setup', async () => {
    if (upToDate()) return false;
    say('Installing packages (npm ci) ...');
    const startedMs = performance.now();
    const [file, args] = npmCommand(['ci', '--include=dev', '--no-audit', '--no-fund']);
    const { code } = await run(file, args, { env: npmEnv() });
    if (code !== 0) throw new Error('The packages could not be installed: see what npm ci says above.');
    writeStamp();
    say(`Installed in ${seconds(startedMs)}.`);
    return true;
  });
}

function upToDate() {
  if (readIfThere(stampFile) === stamp()) return true;
  if (
    !installAgrees(readFileSync(lockFile, 'utf8'), readIfThere(join(root, 'node_modules/.package-lock.json')))
  )
    return false;
  writeStamp();
  return true;
}

/**
 * Whether npm's own record of what it installed agrees with the lock file, as after an `npm install` by hand: then
 * the stamp is only missing, and tearing the folder down would help nobody.
 */
export function installAgrees(lockText, installedText) {
  if (installedText === undefined) return false;
  const wanted = JSON.parse(lockText).packages;
  const installed = JSON.parse(installedText).packages;
  const agrees = (path, entry) => {
    const there = installed[path];
    if (there === undefined) return entry.optional === true || entry.peer === true;
    return there.version === entry.version && there.integrity === entry.integrity;
  };
  const inModules = ([path]) => path.includes('node_modules/');
  return (
    Object.entries(wanted)
      .filter(inModules)
      .every(([path, entry]) => entry.link || agrees(path, entry)) &&
    Object.keys(installed).every((path) => wanted[path] !== undefined)
  );
}

function stamp() {
  // Packages with native parts are built for one platform and one Node ABI, so these belong to the stamp.
  const hash = createHash('sha256').update(readFileSync(lockFile)).digest('hex');
  return `${hash} ${process.platform}-${process.arch} abi${process.versions.modules}\n`;
}

function writeStamp() {
  if (existsSync(join(root, 'node_modules'))) writeFileSync(stampFile, stamp());
}

/** npm as it was started, or the one on the PATH. */
function npmCommand(args) {
  const own = process.env.npm_execpath;
  if (own?.endsWith('.js') && /npm-cli\.js$/.test(own)) return [process.execPath, [own, ...args]];
  return ['npm', args];
}

/** Settings given to the outer `npm start` or `npm test` (such as --long) are not meant for the inner npm. */
function npmEnv() {
  const dropped = /^npm_(lifecycle|package|command)|^npm_config_(long|part|omit|include|production)$/i;
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !dropped.test(name)));
  // These packages would otherwise fetch from outside the registry.
  return { ...env, ONNXRUNTIME_NODE_INSTALL: 'skip', PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD: '1' };
}

function seconds(startedMs) {
  return `${((performance.now() - startedMs) / 1000).toFixed(0)} s`;
}
