#!/usr/bin/env node
// `node tools/services/main.mjs [name ...]`: obtains the listed peers that are missing and tells how each stands.
import '../setup/check-node.mjs';

const { obtainPeers } = await import('./obtain.mjs');
const names = process.argv.slice(2);
const peers = await obtainPeers({ ...(names.length > 0 ? { names } : {}), force: true });
for (const peer of peers) {
  const state = peer.available
    ? peer.path
    : `missing (${peer.required ? 'required' : 'optional'}): ${peer.why}`;
  process.stdout.write(`${peer.name.padEnd(12)} ${state}\n`);
}
process.exitCode = peers.some((peer) => peer.required && !peer.available) ? 1 : 0;
