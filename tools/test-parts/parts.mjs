import { join, relative } from 'node:path';
import { walk } from '../setup/files.mjs';
import { root } from '../setup/root.mjs';

const packageTests = (conformance) => () =>
  testFiles('packages').filter((file) => file.endsWith('conformance.test.ts') === conformance);

/**
 * The parts in the order they run, each with its budget in seconds (docs/decisions): `needs` names what is obtained
 * first, `files` the test files, `serial` runs them one after another because they start whole products.
 */
export const parts = [
  { name: 'tidy', budgetS: 60, needs: [] },
  { name: 'types', budgetS: 60, needs: [] },
  {
    name: 'unit',
    budgetS: 120,
    needs: ['peers'],
    files: () => [...packageTests(false)(), ...testFiles('tools')],
  },
  { name: 'conformance', budgetS: 180, needs: ['peers'], files: packageTests(true) },
  {
    name: 'system',
    budgetS: 180,
    needs: ['build', 'peers'],
    files: () => testFiles('tests/system'),
    serial: true,
  },
  {
    name: 'faults',
    budgetS: 120,
    needs: ['build', 'peers'],
    files: () => testFiles('tests/faults'),
    serial: true,
  },
  {
    name: 'security',
    budgetS: 60,
    needs: ['build', 'peers'],
    files: () => testFiles('tests/security'),
    serial: true,
  },
  {
    name: 'browser',
    budgetS: 60,
    needs: ['build', 'peers'],
    files: () => testFiles('tests/browser'),
    serial: true,
  },
];

/** Every test file below a folder, relative to the root, sorted. */
function testFiles(dir) {
  return walk(join(root, dir), (path) => /\.test\.(tsx?|mjs)$/.test(path)).map((path) =>
    relative(root, path),
  );
}
