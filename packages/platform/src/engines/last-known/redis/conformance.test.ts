import { freePort, peer, requirePeer, startProgram, waitFor } from '@millrace/testing';
import { describe, it } from 'vitest';
import { describeLastKnown } from '../conformance.js';

async function openRedis() {
  const port = await freePort();
  const flags = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const start = async () => {
    const server = startProgram(peer('redis').path, flags);
    await server.waitForLine(/Ready to accept connections/);
    return server;
  };
  let running = await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    restart: async () => {
      await running.kill();
      await waitFor(() => !running.running);
      running = await start();
    },
    close: async () => {
      await running.kill();
    },
  };
}

if (requirePeer('redis')) describeLastKnown({ name: 'redis', open: openRedis, shared: true });
else
  describe('last-known engine redis', () => {
    it.skip(`needs the peer redis: ${peer('redis').why}`, () => {});
  });
