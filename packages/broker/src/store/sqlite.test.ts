import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger } from '@millrace/foundation';
import { ManualClock, type TempDir, tempDir } from '@millrace/testing';
import { DatabaseSync } from '@photostructure/sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BrokerOptions } from '../broker.js';
import { startTestBroker, type TestBroker } from '../peer.js';
import { storeConformance } from './conformance.js';
import { GroupCommit } from './group-commit.js';
import { SqliteStore } from './sqlite.js';

storeConformance(() => {
  const folder = tempDir('broker-store');
  const file = join(folder.path, 'sessions.sqlite');
  return { durable: true, open: () => new SqliteStore(file), remove: () => folder.remove() };
});

describe('a broker with a SQLite store', () => {
  let folder: TempDir;
  let file: string;
  const started: TestBroker[] = [];
  const lasting = { properties: { sessionExpiryInterval: 1000 } };
  const resumed = { clean: false, ...lasting };

  beforeEach(() => {
    folder = tempDir('broker-store');
    file = join(folder.path, 'sessions.sqlite');
  });
  afterEach(async () => {
    for (const each of started.splice(0)) await each.stop();
    folder.remove();
  });

  async function start(options: Partial<BrokerOptions> = {}): Promise<TestBroker> {
    const made = await startTestBroker({ store: new SqliteStore(file), ...options });
    started.push(made);
    return made;
  }

  function rows(table: string): number {
    const database = new DatabaseSync(file, { readOnly: true });
    const { n } = database.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { n: number };
    database.close();
    return n;
  }

  it('brings sessions, subscriptions, queued and retained messages through a restart', async () => {
    const first = await start();
    const away = await first.client('away', lasting);
    await away.subscribe('t', 2);
    await away.leave();
    const from = await first.client('from');
    const properties = { correlationData: Buffer.from([0, 200]), userProperties: { a: ['1', '2'] } };
    from.publish('t', 'one', 1, { messageId: 1, properties });
    from.publish('t', 'two', 2, { messageId: 2 });
    from.publish('r', 'kept', 1, { messageId: 3, retain: true });
    await from.next('puback');
    await from.next('pubrec');
    await from.next('puback');
    await first.stop();

    const second = await start();
    const back = await second.client('away', resumed);
    expect(back.connack.sessionPresent).toBe(true);
    const one = await back.next('publish');
    expect([one.payload.toString(), one.properties]).toEqual([
      'one',
      { ...properties, userProperties: { a: ['1', '2'] } },
    ]);
    expect(await back.text()).toBe('two');
    const live = await second.client('from');
    live.publish('t', 'three', 1);
    expect(await back.text()).toBe('three');
    await back.subscribe('r');
    expect(await back.text()).toBe('kept');
  });

  it('acknowledges QoS 1 and 2 only after the commit that keeps them', async () => {
    const clock = new ManualClock();
    const { client } = await start({ clock, limits: { commitLingerMs: 50 } });
    const connecting = client('away', lasting);
    const away = await connecting;
    away.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 't', qos: 2 }] });
    await away.settle();
    clock.advance(50);
    await away.next('suback');
    await away.leave();
    clock.advance(50);
    const from = await client('from');
    from.publish('t', 'one', 1, { messageId: 1 });
    from.publish('t', 'two', 2, { messageId: 2 });
    await from.settle();
    expect(from.inbox).toEqual([]);
    expect(rows('deliveries')).toBe(0);
    clock.advance(50);
    await from.next('puback');
    await from.next('pubrec');
    expect(rows('deliveries')).toBe(2);
  });

  it('loses nothing acknowledged and doubles no QoS 2 message when its process dies', async () => {
    const first = await start();
    const away = await first.client('away', lasting);
    await away.subscribe('t', 2);
    const from = await first.client('from', lasting);
    from.publish('t', 'done halfway', 2, { messageId: 5 });
    await from.next('pubrec');
    const sent = await away.next('publish');
    away.send({ cmd: 'pubrec', messageId: sent.messageId! });
    await away.next('pubrel');
    // As after SIGKILL: what is in the file now is all the next process finds. The copy holds the open journal too.
    const copy = join(folder.path, 'after-crash.sqlite');
    const database = new DatabaseSync(file, { readOnly: true });
    database.exec(`VACUUM INTO '${copy}'`);
    database.close();

    const second = await start({ store: new SqliteStore(copy) });
    const back = await second.client('away', resumed);
    expect((await back.next('pubrel')).messageId).toBe(sent.messageId);
    const again = await second.client('from', resumed);
    again.publish('t', 'done halfway', 2, { messageId: 5, dup: true });
    expect((await again.next('pubrec')).messageId).toBe(5);
    again.send({ cmd: 'pubrel', messageId: 5 });
    await again.next('pubcomp');
    await back.settle();
    expect(back.inbox.filter((packet) => packet.cmd === 'publish')).toEqual([]);
  });

  it('counts the time the process was away against a session, and leaves no row of an ended one', async () => {
    const clock = new ManualClock();
    const first = await start({ clock });
    const away = await first.client('away', { properties: { sessionExpiryInterval: 60 } });
    await away.leave();
    await first.stop();
    expect(rows('sessions')).toBe(1);
    const later = new ManualClock(clock.nowMs() + 61_000);
    const second = await start({ clock: later });
    expect(second.broker.stats().sessions).toBe(0);
    await second.stop();
    expect(rows('sessions')).toBe(0);
  });

  it('leaves no message behind that everyone has acknowledged', async () => {
    const { client, broker } = await start();
    const a = await client('a', lasting);
    await a.subscribe('t', 1);
    const from = await client('from');
    for (let id = 1; id <= 20; id++) from.publish('t', `m${id}`, 1, { messageId: id });
    for (let id = 1; id <= 20; id++) {
      const got = await a.next('publish');
      a.send({ cmd: 'puback', messageId: got.messageId! });
    }
    await a.settle();
    await broker.stop();
    expect([rows('deliveries'), rows('messages')]).toEqual([0, 0]);
  });

  it('refuses while it cannot commit, counts it, and goes on when it can', async () => {
    const store = new SqliteStore(file);
    const real = store.commit.bind(store);
    let broken = false;
    store.commit = () => {
      if (broken) throw new Error('disk full');
      real();
    };
    const { client, broker } = await start({ store });
    const away = await client('away', lasting);
    await away.subscribe('t', 1);
    await away.leave();
    const from = await client('from');
    broken = true;
    from.publish('t', 'refused', 1, { messageId: 1 });
    expect((await from.next('puback')).reasonCode).toBe(0x80);
    expect(broker.stats().storeFailures).toBe(1);
    broken = false;
    from.publish('t', 'taken', 1, { messageId: 2 });
    expect((await from.next('puback')).reasonCode ?? 0).toBe(0);
  });

  it('says in one sentence that its file is no store', async () => {
    writeFileSync(file, 'not a database, but long enough to be read as one '.repeat(50));
    await expect(start()).rejects.toThrow(/session store .* cannot be opened .* put it aside/);
  });
});

it('a group commit tells all who wait, in order, after one commit', () => {
  const clock = new ManualClock();
  let dirty = false;
  let commits = 0;
  const store = Object.create(SqliteStore.prototype) as SqliteStore;
  Object.defineProperty(store, 'dirty', { get: () => dirty });
  store.commit = () => {
    commits++;
    dirty = false;
  };
  const keeping = new GroupCommit(store, clock, silentLogger, 5);
  const told: string[] = [];
  keeping.after(() => told.push('nothing to wait for'));
  dirty = true;
  keeping.after(() => told.push('one'));
  keeping.after(() => told.push('two'));
  clock.advance(4);
  expect(told).toEqual(['nothing to wait for']);
  clock.advance(1);
  expect([told, commits]).toEqual([['nothing to wait for', 'one', 'two'], 1]);
});
