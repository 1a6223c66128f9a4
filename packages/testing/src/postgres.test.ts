import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestPostgres, type TestPostgres } from './postgres.js';

let server: TestPostgres;
beforeAll(async () => {
  server = await startTestPostgres({ durable: true, settings: { work_mem: '5MB' } });
});
afterAll(async () => {
  await server?.remove();
});

async function query(sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: server.url() });
  await client.connect();
  try {
    return (await client.query(sql)).rows as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}

test('answers with the settings asked for, and keeps committed rows over kill -9 and stop', async () => {
  expect(await query('SHOW work_mem')).toEqual([{ work_mem: '5MB' }]);
  expect(await query('SHOW fsync')).toEqual([{ fsync: 'on' }]);
  await query('CREATE TABLE kept (n integer)');
  await query('INSERT INTO kept VALUES (1)');
  await server.kill();
  await expect(query('SELECT 1')).rejects.toThrow();
  await server.start();
  await query('INSERT INTO kept VALUES (2)');
  await server.stop();
  await server.stop();
  await server.start();
  expect(await query('SELECT n FROM kept ORDER BY n')).toEqual([{ n: 1 }, { n: 2 }]);
});
