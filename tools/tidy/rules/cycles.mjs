import { posix } from 'node:path';
import { importsOf, lineAt } from '../source.mjs';

/**
 * Import cycles between the files of a package. Types vanish when compiled and may refer to each other; values that
 * need each other are one thing, or are missing a third that both need.
 */
export function checkCycles(sources) {
  const known = new Map(sources.map((source) => [source.path, source]));
  const edges = new Map(sources.map((source) => [source.path, valueImports(source, known)]));
  return cyclesOf(edges).map((cycle) => {
    const first = edges.get(cycle[0]).find(({ to }) => to === cycle[1 % cycle.length]);
    const names = [...cycle, cycle[0]].map((path) => path.replace(/^packages\/[^/]+\/src\//, ''));
    return {
      rule: 'cycles',
      path: cycle[0],
      line: first.line,
      message: `import cycle: ${names.join(' -> ')}`,
    };
  });
}

function valueImports(source, known) {
  return importsOf(source)
    .filter(({ from, typeOnly }) => from.startsWith('.') && !typeOnly)
    .map(({ from, offset }) => {
      const target = posix.normalize(posix.join(posix.dirname(source.path), from));
      const to = [
        target,
        target.replace(/\.js$/, '.ts'),
        target.replace(/\.js$/, '.tsx'),
        `${target}.ts`,
        `${target}.tsx`,
      ].find((path) => known.has(path));
      return { to, line: lineAt(source, offset) };
    })
    .filter(({ to }) => to !== undefined);
}

/** One cycle for each file that closes one, found by walking depth first; every file is walked once. */
function cyclesOf(edges) {
  const cycles = [];
  const done = new Set();
  const walk = (path, trail) => {
    const at = trail.indexOf(path);
    if (at !== -1) {
      cycles.push(trail.slice(at));
      return;
    }
    if (done.has(path)) return;
    for (const { to } of edges.get(path)) walk(to, [...trail, path]);
    done.add(path);
  };
  for (const path of edges.keys()) walk(path, []);
  return cycles;
}
