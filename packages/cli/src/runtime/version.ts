import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the product's own files: where `blueprints/` and `packages/` are. */
export const productRoot = dirname(dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url))))));

/** The version of this build, from the workspace's package.json. */
export function productVersion(): string {
  const text = readFileSync(join(productRoot, 'package.json'), 'utf8');
  return String((JSON.parse(text) as { version?: unknown }).version ?? 'unknown');
}
