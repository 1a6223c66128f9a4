import { seededRandom, silentLogger } from '@millrace/foundation';
import { freePort, ManualClock, type TempDir, tempDir } from '@millrace/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database, migrations } from '../database/index.js';
import { RegistryService } from '../registry/service.js';
import { may, permissions, readSecret } from './model.js';
import { AccessService, linkLifeMs, sessionLifeMs } from './service.js';

let home: TempDir;
let database: Database;
let access: AccessService;
const clock = new ManualClock();
let tenantId = 0;
let otherId = 0;

beforeAll(async () => {
  home = tempDir('access');
  database = new Database({
    dataDir: home.path,
    port: await freePort(),
    migrations,
    clock,
    logger: silentLogger,
  });
  await database.start();
  const registry = new RegistryService(database, clock);
  tenantId = (await registry.ensureTenant('acme')).tenantId;
  otherId = (await registry.ensureTenant('other')).tenantId;
  access = new AccessService(database, clock, seededRandom(1));
}, 60_000);

afterAll(async () => {
  await database?.stop();
  home?.remove();
});

describe('secrets', () => {
  it('end with their time', async () => {
    const late = await access.createSignInLink(tenantId, 'viewer');
    clock.stepWall(linkLifeMs);
    await expect(access.signIn(late)).rejects.toMatchObject({ code: 'unauthenticated' });
    const { secret } = await access.signIn(await access.createSignInLink(tenantId, 'viewer'));
    clock.stepWall(sessionLifeMs - 1);
    expect(await access.bySession(secret)).toMatchObject({ role: 'viewer', tenantId });
    clock.stepWall(1);
    expect(await access.bySession(secret)).toBeUndefined();
    const token = await access.createToken(tenantId, { name: 't', role: 'operator', expiresInDays: 1 });
    expect(await access.byToken(token.secret)).toMatchObject({ role: 'operator' });
    clock.stepWall(86_400_000);
    expect(await access.byToken(token.secret)).toBeUndefined();
  });

  it('are not in the database, and work for their own tenant and kind only', async () => {
    const token = await access.createToken(tenantId, { name: 'mine', role: 'admin' });
    const { rows } = await database.owner.query('SELECT api_tokens::text AS row FROM api_tokens');
    expect(JSON.stringify(rows)).not.toContain(token.secret);
    expect(await access.byToken(token.secret.replace(`_${tenantId}_`, `_${otherId}_`))).toBeUndefined();
    expect(await access.bySession(token.secret)).toBeUndefined();
    expect(readSecret('mlr', `${token.secret}x`)).toBeUndefined();
    expect(await access.listTokens(otherId)).toEqual([]);
    await expect(access.revokeToken(otherId, token.token_id)).rejects.toMatchObject({ code: 'not_found' });
    await access.revokeToken(tenantId, token.token_id);
    expect(await access.byToken(token.secret)).toBeUndefined();
  });

  it('are used up by the first of two who come at once', async () => {
    const link = await access.createSignInLink(tenantId, 'viewer');
    const both = await Promise.allSettled([access.signIn(link), access.signIn(link)]);
    expect(both.map((one) => one.status).sort()).toEqual(['fulfilled', 'rejected']);
  });
});

it('gives a viewer no permission to write, and nobody remote the local ones', () => {
  const actor = (role: 'viewer' | 'admin') =>
    ({ kind: 'token', id: '', name: '', role, tenantId: 1, expiresAtMs: null }) as const;
  for (const name of Object.keys(permissions) as (keyof typeof permissions)[])
    if (/write|issue|manage|local/.test(name)) expect(may(actor('viewer'), name)).toBe(false);
  expect(may(actor('admin'), 'local')).toBe(false);
});
