import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { freePort, freePortBase, freePorts } from './ports.js';

function listen(port: number): Promise<() => Promise<void>> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () =>
      resolve(() => new Promise<void>((closed) => server.close(() => closed()))),
    );
  });
}

test('a free port can be listened on', async () => {
  const close = await listen(await freePort());
  await close();
});

test('several free ports differ', async () => {
  expect(new Set(await freePorts(8)).size).toBe(8);
});

test('a base has seven consecutive free ports, and is not given out twice', async () => {
  const bases = [await freePortBase(), await freePortBase()];
  expect(bases[0]).not.toBe(bases[1]);
  for (const base of bases) {
    const closers = await Promise.all(Array.from({ length: 7 }, (_, i) => listen(base + i)));
    await Promise.all(closers.map((close) => close()));
  }
});
