import { posix } from 'node:path';
import { importsOf, lineAt } from '../source.mjs';

/**
 * The dependency table: which package may import which, only through its entry, only when it declares it, and
 * `@millrace/testing` only from test files.
 */
export function checkLayers(source, { layers, manifests }) {
  return importsOf(source).flatMap(({ from, typeOnly, offset }) => {
    const message = judge(source, from, typeOnly, { layers, manifests });
    return message === undefined
      ? []
      : [{ rule: 'layers', path: source.path, line: lineAt(source, offset), message }];
  });
}

function judge(source, from, typeOnly, context) {
  if (from.startsWith('.')) return judgeRelative(source, from);
  if (from.startsWith('@millrace/')) return judgePackage(source, from, typeOnly, context.layers);
  return judgeForeign(source, from, context.manifests);
}

function judgeRelative(source, from) {
  if (source.packageName === undefined) {
    return /(^|\/)packages\/[^/]+\/src\//.test(from)
      ? 'import a package by its name, not its files'
      : undefined;
  }
  const target = posix.normalize(posix.join(posix.dirname(source.path), from));
  if (target.startsWith(`packages/${source.packageName}/`)) return undefined;
  return `${from} leaves the package; import another package by its name`;
}

function judgePackage(source, from, typeOnly, layers) {
  const [, name, ...deeper] = from.split('/');
  if (deeper.length > 0) return `${from} reaches into a package; import @millrace/${name}`;
  if (layers[name] === undefined) return `there is no package ${from}`;
  if (source.packageName === undefined || name === source.packageName) return undefined;
  if (name === 'testing') {
    return source.test ? undefined : 'only test files may import @millrace/testing';
  }
  if (!layers[source.packageName].includes(name))
    return `${source.packageName} may not depend on ${name}: it may on ${layers[source.packageName].join(', ') || 'nothing'}`;
  if (source.packageName === 'console' && name === 'contracts' && !typeOnly)
    return 'the console may import only types from contracts (import type)';
  return undefined;
}

function judgeForeign(source, from, manifests) {
  if (source.packageName === undefined || source.test || from.startsWith('node:')) return undefined;
  const name = from.startsWith('@') ? from.split('/').slice(0, 2).join('/') : from.split('/')[0];
  const manifest = manifests[source.packageName];
  if (manifest === undefined) return undefined;
  // The console is bundled, so what it uses counts as a development dependency.
  const declared = {
    ...manifest.dependencies,
    ...(source.packageName === 'console' ? manifest.devDependencies : {}),
  };
  if (declared[name] !== undefined || manifest.optionalDependencies?.[name] !== undefined) return undefined;
  return `${name} is not among the dependencies of packages/${source.packageName}/package.json`;
}

/** The `@millrace` dependencies a package.json declares have to be within the table, and pinned exactly. */
export function checkManifests({ layers, manifests }) {
  return Object.entries(manifests).flatMap(([name, manifest]) => {
    const path = `packages/${name}/package.json`;
    const finding = (message) => ({ rule: 'layers', path, line: 1, message });
    if (layers[name] === undefined) return [finding('this package has no row in tools/tidy/layers.json')];
    const all = { ...manifest.dependencies, ...manifest.devDependencies };
    const foreign = Object.keys(manifest.dependencies ?? {})
      .filter((dependency) => dependency.startsWith('@millrace/'))
      .filter((dependency) => !layers[name].includes(dependency.slice('@millrace/'.length)))
      .map((dependency) => finding(`${name} may not depend on ${dependency}`));
    const loose = Object.entries(all)
      .filter(([, version]) => !/^\d/.test(version))
      .map(([dependency, version]) => finding(`pin ${dependency} to one exact version, not ${version}`));
    return [...foreign, ...loose];
  });
}
