#!/usr/bin/env node
// `npm run build`: installs and builds what differs from the sources.
import './setup/check-node.mjs';

const { fail, say } = await import('./setup/root.mjs');
const { ensureInstalled } = await import('./setup/install.mjs');
const { ensureBuilt } = await import('./setup/build.mjs');

try {
  await ensureInstalled();
  const steps = await ensureBuilt();
  if (steps.length === 0) say('Everything is built.');
} catch (error) {
  fail(error.message);
}
