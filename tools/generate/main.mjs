#!/usr/bin/env node
// `npm run generate`: writes the generated registries, builds, and writes docs/reference from what was built.
// `--check` only tells which registries are stale (exit code 1); `--registries` writes them and nothing else.
import '../setup/check-node.mjs';

const { writeFileSync } = await import('node:fs');
const { join } = await import('node:path');
const { ensureInstalled } = await import('../setup/install.mjs');
const { readIfThere } = await import('../setup/files.mjs');
const { fail, root, say } = await import('../setup/root.mjs');
const { format } = await import('./format.mjs');
const { renderRegistries } = await import('./registries.mjs');

await ensureInstalled();
const check = process.argv.includes('--check');
for (const { path, text } of renderRegistries(root)) {
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

if (!check && !process.argv.includes('--registries')) {
  try {
    await (await import('../setup/build.mjs')).ensureBuilt();
    await (await import('./docs.mjs')).writeDocs();
  } catch (error) {
    fail(error.message);
  }
}
