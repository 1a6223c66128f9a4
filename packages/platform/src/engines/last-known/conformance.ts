import { silentLogger } from '@millrace/foundation';
import { waitFor } from '@millrace/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LiveUpdate } from '../../live/index.js';
import { createLastKnown, type LastKnown } from './index.js';

export interface LastKnownUnderTest {
  readonly name: string;
  readonly open: () => Promise<{
    url: string | undefined;
    restart: () => Promise<void>;
    close: () => Promise<void>;
  }>;
  /** Whether it reaches other processes. */
  readonly shared: boolean;
}

const update = (deviceNo: number, v: number): LiveUpdate => ({
  deviceNo,
  tenantId: 1,
  ts: 1_000 + v,
  receivedAt: 2_000 + v,
  d: { pressure_bar: { v, q: 192 }, running: { v: true, q: 192 }, mode: { v: 'auto', q: 64 } },
});

/** What every engine for last-known values must do; see `LastKnown`. */
export function describeLastKnown(engine: LastKnownUnderTest): void {
  describe(`last-known engine ${engine.name}`, () => {
    const received: LiveUpdate[] = [];
    const engines: LastKnown[] = [];
    let server: Awaited<ReturnType<LastKnownUnderTest['open']>>;

    beforeAll(async () => {
      server = await engine.open();
      const [ingests, shows] = [0, 1].map(() => createLastKnown({ url: server.url, logger: silentLogger }));
      shows!.onShown((updates) => received.push(...updates));
      engines.push(ingests!, shows!);
      for (const each of engines) await each.start();
    }, 30_000);

    afterAll(async () => {
      for (const each of engines) await each.stop();
      await server.close();
    });

    it('takes updates at any time, and stops twice without complaint', async () => {
      const other = createLastKnown({ url: server.url, logger: silentLogger });
      other.show([update(1, 1)]);
      await other.start();
      await other.stop();
      await other.stop();
      other.show([update(1, 2)]);
    });

    it.skipIf(!engine.shared)('brings updates to other processes as they are', async () => {
      const sent = [update(7, 1), update(8, 2)];
      await waitFor(() => {
        if (received.length === 0) engines[0]!.show(sent);
        return received.length >= 2;
      });
      expect(received.slice(0, 2)).toEqual(sent);
    });

    it.skipIf(!engine.shared)('goes on by itself when the server was away', async () => {
      await server.restart();
      const before = received.length;
      await waitFor(
        () => {
          engines[0]!.show([update(9, 3)]);
          return received.length > before;
        },
        { timeoutMs: 15_000 },
      );
      expect(received.at(-1)).toEqual(update(9, 3));
    });
  });
}
