import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type Clock, silentLogger, systemClock } from '@millrace/foundation';
import { freePort, ManualClock, startTestPostgres, type TempDir, tempDir, waitFor } from '@millrace/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { Database } from './database.js';
import type { Migration } from './migrate.js';
import { tenantTableSql } from './row-level-security.js';
import { withTenant } from './tenant.js';

const things: Migration = {
  name: 'test/0001_things',
  sql: `CREATE TABLE things (tenant_id int NOT NULL, name text NOT NULL);
    ${tenantTableSql('things', { app: 'SELECT, INSERT', ingest: 'INSERT' })}`,
};

let home: TempDir;
const open: Database[] = [];

async function database(
  options: { port?: number; url?: string; migrations?: Migration[]; clock?: Clock } = {},
): Promise<Database> {
  const made = new Database({
    dataDir: home.path,
    port: options.port ?? (await freePort()),
    url: options.url,
    migrations: options.migrations ?? [things],
    clock: options.clock ?? systemClock,
    logger: silentLogger,
  });
  open.push(made);
  return made;
}

afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
  home?.remove();
});

describe('the embedded database', () => {
  it('starts, keeps its rows over a restart, and hides them from other tenants', async () => {
    home = tempDir('db');
    const first = await database();
    await first.start();
    await withTenant(first.app, 1, (client) => client.query("INSERT INTO things VALUES (1, 'mine')"));
    await expect(
      withTenant(first.app, 2, (client) => client.query("INSERT INTO things VALUES (1, 'smuggled')")),
    ).rejects.toThrow(/row-level security/);
    expect(statSync(join(home.path, 'postgres-password')).mode & 0o777).toBe(0o600);
    await first.stop();
    await first.stop();

    const second = await database();
    await second.start();
    const seen = async (tenant: number) =>
      (await withTenant(second.app, tenant, (client) => client.query('SELECT name FROM things'))).rows;
    expect(await seen(1)).toEqual([{ name: 'mine' }]);
    expect(await seen(2)).toEqual([]);
    expect((await second.app.query('SELECT name FROM things')).rows).toEqual([]);
    await expect(second.ingest.query('SELECT name FROM things')).rejects.toThrow(/permission denied/);
    for (const setting of ['fsync', 'synchronous_commit'])
      expect((await second.owner.query(`SHOW ${setting}`)).rows[0]).toEqual({ [setting]: 'on' });
  });

  it('comes back by itself when the server is killed, with everything that was committed', async () => {
    home = tempDir('db');
    const db = await database();
    await db.start();
    await withTenant(db.app, 1, (client) => client.query("INSERT INTO things VALUES (1, 'kept')"));
    process.kill(db.serverPid!, 'SIGKILL');
    await waitFor(
      async () => {
        const { rows } = await withTenant(db.app, 1, (client) => client.query('SELECT name FROM things'));
        return rows.length === 1 && db.restarts === 1;
      },
      { timeoutMs: 20_000, what: 'the database to recover' },
    );
  });

  it('takes over from a platform that died: its server is stopped and the data is there', async () => {
    home = tempDir('db');
    const port = await freePort();
    // A clock that stands still: like a dead platform, this one does not start its server again.
    const dead = await database({ port, clock: new ManualClock() });
    await dead.start();
    await withTenant(dead.app, 1, (client) => client.query("INSERT INTO things VALUES (1, 'kept')"));
    const pid = dead.serverPid!;
    // A second platform on the same folder finds the server of the first, as it does after a kill -9.
    const heir = await database({ port });
    await heir.start();
    expect(heir.serverPid).not.toBe(pid);
    const { rows } = await withTenant(heir.app, 1, (client) => client.query('SELECT name FROM things'));
    expect(rows).toEqual([{ name: 'kept' }]);
    await dead.stop();
  });

  it('says in one sentence that its port is taken', async () => {
    home = tempDir('db');
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    const db = await database({ port });
    await expect(db.start()).rejects.toMatchObject({
      code: 'port_taken',
      message: expect.stringContaining(String(port)),
    });
    other.close();
  });

  it('refuses a folder that another user made', async () => {
    home = tempDir('db');
    writeFileSync(join(home.path, 'owner.json'), JSON.stringify({ uid: 4242, way: 'self' }));
    const db = await database();
    await expect(db.start()).rejects.toMatchObject({ code: 'data_dir_owner' });
  });

  it('records how the server was started', async () => {
    home = tempDir('db');
    const db = await database();
    await db.start();
    const owner = JSON.parse(readFileSync(join(home.path, 'owner.json'), 'utf8')) as {
      uid: number;
      way: string;
    };
    expect(owner.uid).toBe(process.getuid?.());
    expect(owner.way).toMatch(/^(self|namespace|account)$/);
  });
});

describe('migrations', () => {
  it('refuse a released step whose text has changed, and a database from the future', async () => {
    home = tempDir('db');
    const db = await database();
    await db.start();
    await db.stop();
    const changed = await database({ migrations: [{ ...things, sql: `${things.sql} -- changed` }] });
    await expect(changed.start()).rejects.toThrow(/must not change/);
    const older = await database({ migrations: [] });
    await expect(older.start()).rejects.toThrow(/newer Millrace/);
  });
});

describe('DATABASE_URL', () => {
  it('takes a server of someone else', async () => {
    home = tempDir('db');
    const server = await startTestPostgres();
    const db = await database({ url: server.url() });
    await db.start();
    await withTenant(db.app, 3, (client) => client.query("INSERT INTO things VALUES (3, 'there')"));
    expect(
      (await withTenant(db.app, 3, (client) => client.query('SELECT name FROM things'))).rows,
    ).toHaveLength(1);
    await db.stop();
    await server.remove();
  });

  it('says without the password what is wrong with the address', async () => {
    home = tempDir('db');
    const db = await database({ url: `postgres://u:geheim@127.0.0.1:${await freePort()}/x` });
    const error = await db.start().catch((caught: Error) => caught);
    expect(String(error)).toMatch(/DATABASE_URL/);
    expect(String(error)).not.toMatch(/geheim/);
  });
});
