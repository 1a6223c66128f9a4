#!/usr/bin/env node
// `npm run generate`: writes the registries and the API client, freezes what the API promises, builds, and writes
// docs/reference from what was built. `--check` only tells what is stale or broken (exit code 1); `--registries`
// writes the registries and the client and nothing else.
import '../setup/check-node.mjs';

const { writeFileSync } = await import('node:fs');
const { join } = await import('node:path');
const { ensureInstalled } = await import('../setup/install.mjs');
const { readIfThere } = await import('../setup/files.mjs');
const { fail, root, say } = await import('../setup/root.mjs');
const { format } = await import('./format.mjs');
const { apiSurface, compareSurface } = await import('./api-surface.mjs');
const { renderClient } = await import('./client.mjs');
const { renderRegistries } = await import('./registries.mjs');

await ensureInstalled();
const check = process.argv.includes('--check');
for (const { path, text } of [...renderRegistries(root), ...client()]) {
  const wanted = format(path, text);
  if (readIfThere(join(root, path)) === wanted) continue;
  if (check) {
    process.stdout.write(`${path}:1 is stale; run npm run generate\n`);
    process.exitCode = 1;
  } else {
    writeFileSync(join(root, path), wanted);
    say(`Wrote ${path}.`);
  }
}

// A build only brings files up to date; what the API promises is frozen by asking for it.
const registriesOnly = process.argv.includes('--registries');
for (const message of registriesOnly ? [] : surfaceProblems()) {
  process.stdout.write(`${message}\n`);
  process.exitCode = 1;
}

/** Freezes what the API promises; returns what it no longer keeps, or with --check what is not frozen yet. */
function surfaceProblems() {
  const openapi = readIfThere(join(root, 'packages/client/openapi/v1.json'));
  if (openapi === undefined) return [];
  const path = 'packages/client/openapi/v1.frozen.txt';
  const frozen = (readIfThere(join(root, path)) ?? '').split('\n').filter(Boolean);
  const { broken, grown } = compareSurface(frozen, apiSurface(JSON.parse(openapi)));
  if (broken.length > 0)
    return broken.map((what) => `packages/client/openapi/v1.json:1 breaks a promise of ${path}: ${what}`);
  if (grown.length === 0) return [];
  if (check) return [`${path}:1 is stale; run npm run generate`];
  writeFileSync(join(root, path), `${[...frozen, ...grown].sort().join('\n')}\n`);
  say(`Wrote ${path}: ${grown.length} lines more.`);
  return [];
}

/** The API client, once there is an OpenAPI file to make it from. */
function client() {
  const openapi = readIfThere(join(root, 'packages/client/openapi/v1.json'));
  if (openapi === undefined) return [];
  return [{ path: 'packages/client/src/api.generated.ts', text: renderClient(JSON.parse(openapi)) }];
}

if (!check && process.exitCode === undefined && !registriesOnly) {
  try {
    await (await import('../setup/build.mjs')).ensureBuilt();
    await (await import('./docs.mjs')).writeDocs();
  } catch (error) {
    fail(error.message);
  }
}
