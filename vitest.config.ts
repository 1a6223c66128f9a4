import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('.', import.meta.url));
const packages = readdirSync(`${root}packages`);

// Tests read the sources, so a unit test needs no build; system tests start the built product instead.
export default defineConfig({
  resolve: {
    alias: Object.fromEntries(
      packages.map((name) => [`@millrace/${name}`, `${root}packages/${name}/src/index.ts`]),
    ),
  },
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    passWithNoTests: true,
    exclude: ['**/dist/**', '**/node_modules/**', '**/var/**'],
  },
});
