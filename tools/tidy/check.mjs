import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere, walk } from '../setup/files.mjs';
import { checkBans } from './rules/bans.mjs';
import { checkCycles } from './rules/cycles.mjs';
import { checkLayers, checkManifests } from './rules/layers.mjs';
import { checkRosters } from './rules/rosters.mjs';
import { checkFileSize, checkFunctionSizes } from './rules/sizes.mjs';
import { checkWords } from './rules/words.mjs';
import { readSource } from './source.mjs';
import { applyWaivers } from './waivers.mjs';

/** Files above this size are data; nobody reads them line by line. */
const textBytesMax = 2_000_000;

/** Every finding of our own rules over a project, waivers applied, sorted by place. */
export function checkProject(root) {
  const paths = projectFiles(root);
  const read = (name) => JSON.parse(readFileSync(join(root, 'tools/tidy', name), 'utf8'));
  const context = { layers: read('layers.json'), manifests: manifestsOf(root, paths) };
  const sources = [];
  const findings = [
    ...paths.flatMap((path) => checkFile(root, path, context, sources)),
    ...checkCycles(sources),
    ...checkManifests(context),
    ...checkRosters(paths),
  ];
  return applyWaivers(findings, read('waivers.json')).sort(byPlace);
}

function byPlace(a, b) {
  return a.path === b.path ? a.line - b.line : a.path < b.path ? -1 : 1;
}

/** Findings of one file; what was parsed is added to `sources` for the rules that look at all files together. */
function checkFile(root, path, context, sources) {
  const full = join(root, path);
  if (statSync(full).size > textBytesMax) return [];
  const text = readFileSync(full, 'utf8');
  if (text.includes('\0')) return [];
  const findings = [...checkWords(path, text), ...checkFileSize(path, text)];
  if (!/\.(tsx?|mjs)$/.test(path) || path.endsWith('.d.ts')) return findings;
  const source = readSource(path, text);
  if (source.error !== undefined) {
    findings.push({ rule: 'syntax', path, line: 1, message: `the file cannot be parsed: ${source.error}` });
    return findings;
  }
  sources.push(source);
  return [...findings, ...checkLayers(source, context), ...checkBans(source), ...checkFunctionSizes(source)];
}

/** The files git knows or would take in; outside a git checkout, all but installed and built ones. */
function projectFiles(root) {
  const exists = (path) => statSync(join(root, path), { throwIfNoEntry: false })?.isFile() === true;
  try {
    const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
    const options = {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 64_000_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    };
    return [...new Set(execFileSync('git', args, options).split('\0'))].filter(
      (path) => path && exists(path),
    );
  } catch {
    return walk(root).map((path) => path.slice(root.length + 1));
  }
}

function manifestsOf(root, paths) {
  const found = paths.map((path) => /^packages\/([^/]+)\/package\.json$/.exec(path)).filter(Boolean);
  return Object.fromEntries(found.map(([path, name]) => [name, JSON.parse(readIfThere(join(root, path)))]));
}
