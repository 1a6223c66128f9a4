#!/usr/bin/env node
// `npm run generate`: writes the registries and the API client, builds, lets the API's document grow, and writes
// docs/reference from what was built. `--check` only tells what is stale (exit code 1); `--registries` writes the
// registries and the client and nothing else. That the document never shrinks is held by the platform, which writes it.
import '../setup/check-node.mjs';

const { spawnSync } = await import('node:child_process');
const { writeFileSync } = await import('node:fs');
const { join } = await import('node:path');
const { ensureInstalled } = await import('../setup/install.mjs');
const { readIfThere } = await import('../setup/files.mjs');
const { fail, root, say } = await import('../setup/root.mjs');
const { format } = await import('./format.mjs');
const { renderClient } = await import('./client.mjs');
const { renderRegistries } = await import('./registries.mjs');

await ensureInstalled();
const check = process.argv.includes('--check');
const registriesOnly = process.argv.includes('--registries');
bringUpToDate([...renderRegistries(root), ...client()]);

/** Writes what differs, or with --check says so. */
function bringUpToDate(files) {
  for (const { path, text } of files) {
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
}

/** The document as the built platform emits it; refused, with the reasons, when it would take a promise back. */
function writeOpenApi() {
  const script = join(root, 'packages/platform/dist/api/write-openapi.js');
  const target = join(root, 'packages/client/openapi/v1.json');
  const { status } = spawnSync(process.execPath, [script, target], { stdio: 'inherit' });
  if (status !== 0) throw new Error('The API document was not written: see above.');
}

/** The API client, once there is an OpenAPI file to make it from. */
function client() {
  const openapi = readIfThere(join(root, 'packages/client/openapi/v1.json'));
  if (openapi === undefined) return [];
  return [{ path: 'packages/client/src/api.generated.ts', text: renderClient(JSON.parse(openapi)) }];
}

if (!check && process.exitCode === undefined && !registriesOnly) {
  try {
    const { ensureBuilt } = await import('../setup/build.mjs');
    await ensureBuilt();
    writeOpenApi();
    bringUpToDate(client());
    await ensureBuilt();
    await (await import('./docs.mjs')).writeDocs();
  } catch (error) {
    fail(error.message);
  }
}
