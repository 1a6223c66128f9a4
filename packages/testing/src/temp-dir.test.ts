import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from './temp-dir.js';

test('a folder of its own, gone after remove', () => {
  const one = tempDir('a');
  const other = tempDir('a');
  expect(one.path).not.toBe(other.path);
  writeFileSync(join(one.path, 'file'), 'x');
  one.remove();
  one.remove();
  other.remove();
  expect([existsSync(one.path), existsSync(other.path)]).toEqual([false, false]);
});
