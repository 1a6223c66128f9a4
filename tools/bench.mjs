#!/usr/bin/env node
// `npm run bench <name> [-- options]`: runs bench/<name>.ts against the built product; alone, names the benches.
import './setup/check-node.mjs';

const { fail, say } = await import('./setup/root.mjs');
const { ensureInstalled } = await import('./setup/install.mjs');
const { ensureBuilt } = await import('./setup/build.mjs');
const { obtainPeers } = await import('./services/obtain.mjs');
const { benchNames, runBench } = await import('./bench/run-bench.mjs');

const [name, ...args] = process.argv.slice(2);
if (!benchNames().includes(name))
  fail(`${name ? `There is no bench ${name}: ` : ''}name one of ${benchNames().join(', ') || '(none yet)'}.`);
try {
  await ensureInstalled();
  await ensureBuilt();
  for (const peer of await obtainPeers({ names: ['mosquitto'] }))
    if (!peer.available) say(`Without the peer ${peer.name}: ${peer.why}`);
  process.exitCode = await runBench(name, args);
} catch (error) {
  fail(error.message);
}
