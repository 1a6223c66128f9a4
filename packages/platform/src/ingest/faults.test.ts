import { connect, createServer, type Server, type Socket } from 'node:net';
import { silentLogger, systemClock, systemRandom } from '@millrace/foundation';
import {
  freePort,
  startTestPostgres,
  type TempDir,
  type TestPostgres,
  tempDir,
  waitFor,
} from '@millrace/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Database, migrations } from '../database/index.js';
import { deviceEntry, principal, pumpMessage, submit } from './fixtures.js';
import { heldRowsMax } from './ingress.js';
import { MapDirectory } from './map-directory.js';
import { River } from './river.js';

let server: TestPostgres;
let home: TempDir;
let link: Link;
let database: Database;
let river: River;
let binding: object;

/** A relay in front of the database that can lose answers, as a network does. */
class Link {
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  port = 0;
  /** Called with what the client sends; answers true to let the server have it and then cut, before any answer. */
  cutAfter: ((bytes: Buffer) => boolean) | undefined;

  async start(target: number): Promise<void> {
    this.port = await freePort();
    this.#server = createServer((client) => {
      const upstream = connect(target, '127.0.0.1');
      let cut = false;
      for (const socket of [client, upstream]) {
        this.#sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => this.#sockets.delete(socket));
      }
      client.on('data', (bytes) => {
        upstream.write(bytes);
        if (this.cutAfter?.(bytes)) {
          this.cutAfter = undefined;
          cut = true;
          // The server commits and says so (tag of COPY, then ReadyForQuery); that answer is lost.
          let answer = '';
          upstream.on('data', (bytes) => {
            answer += bytes.toString('latin1');
            if (!/COPY \d+\0Z/.test(answer)) return;
            client.destroy();
            upstream.destroy();
          });
        }
      });
      upstream.on('data', (bytes) => {
        if (!cut) client.write(bytes);
      });
      client.on('close', () => upstream.destroy());
      upstream.on('close', () => client.destroy());
    });
    await new Promise<void>((resolve) => this.#server!.listen(this.port, '127.0.0.1', resolve));
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server!.close(() => resolve()));
  }
}

beforeEach(async () => {
  server = await startTestPostgres({ durable: true });
  home = tempDir('faults');
  link = new Link();
  await link.start(server.port);
  const passedIn = { clock: systemClock, logger: silentLogger };
  const url = server.url().replace(String(server.port), String(link.port));
  database = new Database({ dataDir: home.path, port: 0, url, migrations, ...passedIn });
  await database.start();
  const directory = new MapDirectory(new Map([['acme', 1]]), [deviceEntry(1, 'P-1')]);
  river = new River({ database, directory, random: systemRandom, ...passedIn });
  await river.start();
  binding = river.ingress.bind(principal('P-1'), 'acme/north/pumping/line-1/centrifugal-pump/P-1/telemetry')!;
});

afterEach(async () => {
  await river?.stop();
  await database?.stop();
  await link?.stop();
  await server?.remove();
  home?.remove();
});

const rows = (first: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({
    binding,
    payload: pumpMessage('P-1', first + i, { meta: {} }),
  }));

async function stored(): Promise<{ rows: number; numbers: number }> {
  const { rows } = await database.owner.query(
    'SELECT count(*) AS rows, count(DISTINCT seq) AS numbers FROM telemetry_centrifugal_pump',
  );
  return rows[0] as { rows: number; numbers: number };
}

it('finds out that a batch was committed whose answer was lost, and does not store it twice', async () => {
  await submit(river.ingress, rows(1, 5));
  // The batch's statement is the one that carries the journal row.
  link.cutAfter = (bytes) => bytes.includes('ledger_journal');
  expect(await submit(river.ingress, rows(6, 5))).toEqual([0, 0, 0, 0, 0]);
  expect(river.storeCounts).toMatchObject({ retries: 1, ambiguousCommitted: 1 });
  expect(await stored()).toEqual({ rows: 10, numbers: 10 });
});

it('stores everything once when the database is killed again and again under load', async () => {
  const settled: Promise<number[]>[] = [];
  const sent: ReturnType<typeof rows> = [];
  let next = 1;
  const send = () => {
    const some = rows(next, 200);
    sent.push(...some);
    next += 200;
    settled.push(submit(river.ingress, some));
  };
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 10; i++) {
      send();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await server.kill();
    send();
    await waitFor(() => server.start().then(() => true), { timeoutMs: 20_000 });
  }
  const codes = (await Promise.all(settled)).flat();
  expect(codes.every((code) => code === 0)).toBe(true);
  await waitFor(() => stored());
  expect(await stored()).toEqual({ rows: next - 1, numbers: next - 1 });
  // What a gateway would send again after losing its connection is refused as known.
  await submit(river.ingress, sent);
  expect(await stored()).toEqual({ rows: next - 1, numbers: next - 1 });
}, 60_000);

it('holds what it took while the database is away, says that it is full, and drains by itself', async () => {
  await server.stop();
  const settled: Promise<number[]>[] = [];
  let drained = false;
  river.ingress.onDrain(() => {
    drained = true;
  });
  let next = 1;
  while (!river.ingress.saturated) {
    settled.push(submit(river.ingress, rows(next, 1_000)));
    next += 1_000;
    expect(next).toBeLessThanOrEqual(heldRowsMax + 1_001);
  }
  let anySettled = false;
  void Promise.race(settled).then(() => {
    anySettled = true;
  });
  await waitFor(() => river.databaseFailingForMs > 200);
  expect(anySettled).toBe(false);
  await server.start();
  await Promise.all(settled);
  await waitFor(() => drained);
  expect(river.ingress.saturated).toBe(false);
  expect(river.ingress.heldRows).toBe(0);
  await waitFor(() => stored());
  expect(await stored()).toEqual({ rows: next - 1, numbers: next - 1 });
}, 60_000);

it('keeps a row that the database refuses as a dead letter, and stores the rows around it', async () => {
  await database.owner.query(
    'ALTER TABLE telemetry_centrifugal_pump ADD CONSTRAINT odd CHECK (pressure_bar IS DISTINCT FROM 99)',
  );
  const poison = {
    binding,
    payload: pumpMessage('P-1', 3, { d: { pressure_bar: { v: 99, q: 192 } }, meta: {} }),
  };
  expect(await submit(river.ingress, [...rows(1, 2), poison, ...rows(4, 2)])).toEqual([0, 0, 0, 0, 0]);
  expect(await stored()).toEqual({ rows: 4, numbers: 4 });
  const [letter] = await river.deadLetters.list(1, { limit: 10 });
  expect(letter).toMatchObject({
    reason: 'schema_violation',
    seq: 3,
    detail: expect.stringContaining('odd'),
  });
  expect(await river.ledger.completeness(1, 1, 0, systemClock.nowMs() + 60_000)).toMatchObject({
    expected: 5,
    stored: 4,
    deadLettered: 1,
    missing: 0,
  });
});
