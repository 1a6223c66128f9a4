import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { root } from '../setup/root.mjs';

/** Where peers that were not installed into the system are kept; MILLRACE_PEERS_DIR names another place. */
export const peersDir = defaultDir(process.env);

function defaultDir(env) {
  return env.MILLRACE_PEERS_DIR ?? join(root, 'var', 'peers');
}

/** tools/services/peers.json: every foreign program, library or service that tests and benches talk to. */
export const peerList = JSON.parse(readFileSync(new URL('./peers.json', import.meta.url), 'utf8'));

/** Every name of the list. */
export function peerNames() {
  return Object.keys(peerList);
}

/**
 * Whether a peer is here: `{name, available, path, programs, env, why, required}`. It only looks (files, PATH and
 * variables) and starts nothing, so it costs nothing to ask.
 */
export function findPeer(name, { list = peerList, env = process.env, dir = defaultDir(env) } = {}) {
  const declared = list[name];
  if (declared === undefined)
    throw new Error(
      `No peer is named ${name}: tools/services/peers.json lists ${Object.keys(list).join(', ')}.`,
    );
  const base = { name, path: '', programs: {}, env: {}, why: '', required: declared.class === 'required' };
  const missing = (why) => ({ ...base, available: false, why });
  if (declared.folderFrom !== undefined) return findFolder(declared, base, missing, env);
  if (declared.addressFrom !== undefined) {
    const address = env[declared.addressFrom];
    return address
      ? { ...base, available: true, path: address }
      : missing(`${declared.addressFrom} is not set`);
  }
  if (declared.jar !== undefined) return findJars(name, declared, base, missing, { list, env, dir });
  if (declared.module !== undefined) return findModule(name, declared, base, missing, { list, env, dir });
  const programs = {};
  for (const program of declared.programs) {
    const path = findProgram(program, [join(dir, 'bin'), ...pathDirs(env), ...declared.dirs]);
    if (path === undefined)
      return missing(`no program ${program} on the PATH, in ${dir}/bin or ${declared.dirs}`);
    programs[program] = path;
  }
  return { ...base, available: true, path: programs[declared.programs[0]], programs };
}

function findFolder(declared, base, missing, env) {
  const folder = env[declared.folderFrom];
  if (!folder) return missing(`${declared.folderFrom} is not set`);
  if (!existsSync(folder)) return missing(`${declared.folderFrom} names ${folder}, which does not exist`);
  return { ...base, available: true, path: folder };
}

function findModule(name, declared, base, missing, options) {
  const interpreter = findPeer(declared.needs, options);
  if (!interpreter.available) return missing(`it needs ${declared.needs}: ${interpreter.why}`);
  const folder = modulesDir(name, options.dir);
  if (!existsSync(join(folder, declared.module)))
    return missing(`the module ${declared.module} is not in ${folder}`);
  return { ...base, available: true, path: interpreter.path, env: { PYTHONPATH: folder } };
}

function findJars(name, declared, base, missing, options) {
  const java = findPeer(declared.needs, options);
  if (!java.available) return missing(`it needs ${declared.needs}: ${java.why}`);
  const folder = jarsDir(name, options.dir);
  if (!existsSync(join(folder, declared.jar))) return missing(`${declared.jar} is not in ${folder}`);
  return { ...base, available: true, path: java.path, env: { CLASSPATH: join(folder, '*') } };
}

/** The folder the jars of a Java peer and of what it needs are in. */
export function jarsDir(name, dir = peersDir) {
  return join(dir, 'java', name);
}

/** The folder a Python peer and what it needs are installed into. */
export function modulesDir(name, dir = peersDir) {
  return join(dir, 'python', name);
}

function pathDirs(env) {
  return (env.PATH ?? '').split(delimiter).filter((dir) => dir !== '');
}

function findProgram(program, dirs) {
  return dirs.map((dir) => join(dir, program)).find(isExecutable);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
