import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashFiles, readIfThere, walk } from './files.mjs';
import { withLock } from './lock.mjs';
import { root, say } from './root.mjs';
import { binPath, run, runBin } from './run.mjs';

const isSource = (path) => !/\.test\.tsx?$|\.tsbuildinfo$/.test(path);

/** Brings everything built up to date with the sources. Returns the steps that ran; throws when one failed. */
export async function ensureBuilt() {
  if (!staleness().any) return [];
  return withLock('setup', async () => {
    const stale = staleness();
    const steps = [];
    if (stale.any) await step(steps, 'Generating registries', generate);
    if (stale.packages) await step(steps, 'Compiling', () => compile({ quiet: false }));
    if (stale.console) await step(steps, 'Building the console', buildConsole);
    // The registries may have changed while generating, so the hash is taken again.
    writeStamps(staleness());
    return steps;
  });
}

async function step(steps, name, work) {
  const startedMs = performance.now();
  say(`${name} ...`);
  const { code } = await work();
  if (code !== 0) throw new Error(`${name} failed: see above.`);
  steps.push(name);
  say(`${name} took ${((performance.now() - startedMs) / 1000).toFixed(1)} s.`);
}

function generate() {
  return run(process.execPath, [join(root, 'tools/generate/main.mjs'), '--registries']);
}

/** Compiles all packages by their project references (incremental). */
export function compile({ quiet }) {
  forgetLostOutput();
  return runBin('tsc', ['-b'], { capture: quiet });
}

/** tsc trusts its record of what it built; where the output itself was deleted, the record has to go too. */
function forgetLostOutput() {
  for (const name of readdirSync(join(root, 'packages'))) {
    const dir = join(root, 'packages', name);
    if (existsSync(join(dir, 'dist'))) continue;
    for (const info of ['tsconfig.tsbuildinfo', 'dist.tsbuildinfo']) rmSync(join(dir, info), { force: true });
  }
}

function consoleConfig() {
  return ['vite.config.ts', 'vite.config.mts', 'vite.config.js', 'vite.config.mjs']
    .map((name) => join(root, 'packages/console', name))
    .find((path) => existsSync(path));
}

/** Builds the console with Vite; a workspace without a console has nothing to build. */
export async function buildConsole() {
  const config = consoleConfig();
  if (config === undefined) return { code: 0, output: '' };
  const own = join(root, 'packages/console/node_modules/vite/bin/vite.js');
  const vite = existsSync(own) ? own : binPath('vite');
  return run(process.execPath, [vite, 'build', '--config', config, '--logLevel', 'warn'], {
    cwd: join(root, 'packages/console'),
  });
}

function staleness() {
  const roomsOf = (names) => names.flatMap((name) => walk(join(root, 'packages', name), isSource));
  const names = readdirSync(join(root, 'packages'));
  const shared = ['package-lock.json', 'tsconfig.json', 'tsconfig.base.json'].map((name) => join(root, name));
  const compiled = names.filter((name) => name !== 'console');
  const packages = hashFiles([...roomsOf(compiled), ...shared], root);
  const shown = hashFiles([...roomsOf(['console', 'client', 'contracts']), ...shared], root);
  const lost = compiled.some(
    (name) =>
      existsSync(join(root, 'packages', name, 'src/index.ts')) &&
      !existsSync(join(root, 'packages', name, 'dist')),
  );
  const stale = {
    packages: lost || readIfThere(stampPath('packages')) !== packages,
    console: consoleConfig() !== undefined && readIfThere(stampPath('console')) !== shown,
    hashes: { packages, console: shown },
  };
  return { ...stale, any: stale.packages || stale.console };
}

function stampPath(kind) {
  return join(root, 'var', 'build', `${kind}.sha256`);
}

function writeStamps({ hashes }) {
  mkdirSync(join(root, 'var', 'build'), { recursive: true });
  for (const [kind, hash] of Object.entries(hashes)) writeFileSync(stampPath(kind), hash);
}
