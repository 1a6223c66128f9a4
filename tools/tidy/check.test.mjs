import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { checkProject } from './check.mjs';

const made = [];
afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});

function project(files) {
  const root = mkdtempSync(join(tmpdir(), 'millrace-tidy-'));
  made.push(root);
  const all = {
    'tools/tidy/layers.json': '{"edge": []}',
    'tools/tidy/waivers.json': '[]',
    'packages/edge/package.json': '{}',
    ...files,
  };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

test('a clean project has no findings, also outside a git checkout', () => {
  expect(checkProject(project({ 'packages/edge/src/a.ts': 'export const a = 1;\n' }))).toEqual([]);
});

test('tells everything at once, by file and line, sorted by place', () => {
  const root = project({
    'packages/edge/src/b.ts': 'export const b = 1;\nexport const c = Math.random() + Date.now();\n',
    'packages/edge/src/a.ts': 'export const a = Date.now();\n',
    'packages/edge/src/broken.ts': 'export const = ;\n',
    'packages/edge/dist/built.js': 'Date.now()',
  });
  expect(checkProject(root).map(({ path, line, rule }) => `${path}:${line} ${rule}`)).toEqual([
    'packages/edge/src/a.ts:1 clock',
    'packages/edge/src/b.ts:2 random',
    'packages/edge/src/b.ts:2 clock',
    'packages/edge/src/broken.ts:1 syntax',
  ]);
});
