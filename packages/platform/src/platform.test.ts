import { execFileSync } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger, systemClock, systemRandom } from '@millrace/foundation';
import { freePort, type TempDir, tempDir, waitFor } from '@millrace/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { may, type Permission, permissions } from './access/model.js';
import { callers, checked } from './api/fixtures.js';
import { routes } from './api/routes.js';
import { checkPlatformConfig } from './config.js';
import { principal, pumpMessage, submit } from './ingest/fixtures.js';
import { createPlatform, type Platform } from './platform.js';

let home: TempDir;
let platform: Platform;
let base: string;
const tokens: Record<string, string> = {};
const gateway = {
  device_id: 'GW-01',
  device_type: 'edge_gateway',
  title: 'Gateway',
  site: 'north-station',
  area: 'pumping',
  line: 'line-1',
};
const pump = {
  ...gateway,
  device_id: 'P-101',
  device_type: 'centrifugal_pump',
  title: 'Pump 1',
  gateway_id: 'GW-01',
};

const { call, local } = callers({
  base: () => base,
  socket: () => join(home.path, 'run', 'platform.sock'),
});

beforeAll(async () => {
  home = tempDir('platform');
  const config = checkPlatformConfig(
    `api: { port: 0 }\ndatabase: { port: ${await freePort()} }\ntenants: [{ slug: riverton-water, title: Riverton Water }, { slug: other }]`,
    'platform.yaml',
  );
  platform = createPlatform({
    config,
    dataDir: home.path,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    localSocket: join(home.path, 'run', 'platform.sock'),
  });
  await platform.start();
  base = `http://127.0.0.1:${platform.ports.api}`;
  for (const role of ['viewer', 'operator', 'admin'] as const)
    tokens[role] = await platform.createToken('riverton-water', role, role);
  tokens.other = await platform.createToken('other', 'other', 'admin');
}, 120_000);

afterAll(async () => {
  await platform?.stop();
  await platform?.stop();
  home?.remove();
});

describe('registration and identity', () => {
  it('registers devices idempotently and certifies only what has its own connection', async () => {
    expect((await local('POST', '/v1/devices', gateway)).status).toBe(201);
    expect((await local('POST', '/v1/devices', pump)).status).toBe(201);
    expect((await local('POST', '/v1/devices', pump)).status).toBe(200);
    expect((await local('POST', '/v1/devices', { ...pump, line: 'line-2' })).status).toBe(409);
    expect((await local('POST', '/v1/devices', { ...pump, device_id: 'X 1' })).status).toBe(400);
    const key = join(home.path, 'k.pem');
    execFileSync('openssl', ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', key]);
    const csr = execFileSync('openssl', [
      'req',
      '-new',
      '-key',
      key,
      '-subj',
      '/CN=riverton-water::GW-01',
    ]).toString();
    expect((await local('POST', '/v1/certificates', { device_id: 'P-101', csr })).status).toBe(409);
    const issued = await local('POST', '/v1/certificates', { device_id: 'GW-01', csr });
    expect(issued.status).toBe(201);
    const { certificate, chain, ca } = issued.body as unknown as Record<
      'certificate' | 'chain' | 'ca',
      string
    >;
    for (const [name, text] of Object.entries({ certificate, chain, ca }))
      writeFileSync(join(home.path, `${name}.pem`), text);
    const verified = execFileSync('openssl', [
      'verify',
      '-x509_strict',
      '-purpose',
      'sslclient',
      '-CAfile',
      join(home.path, 'ca.pem'),
      '-untrusted',
      join(home.path, 'chain.pem'),
      join(home.path, 'certificate.pem'),
    ]).toString();
    expect(verified).toContain('OK');
    const { serial } = issued.body as unknown as { serial: string };
    const decision = await platform.authenticator.authenticate({
      clientId: 'riverton-water::GW-01',
      protocolVersion: 5,
      username: undefined,
      password: undefined,
      certificate: {
        commonName: 'riverton-water::GW-01',
        serial,
        fingerprint256: execFileSync('openssl', [
          'x509',
          '-noout',
          '-fingerprint',
          '-sha256',
          '-in',
          join(home.path, 'certificate.pem'),
        ])
          .toString()
          .trim()
          .split('=')[1]!,
        notAfterMs: 0,
      },
      remoteAddress: '127.0.0.1',
      listener: 'test',
    });
    expect(decision).toMatchObject({ ok: true, principal: { messagesPerMinuteAlert: 2000 } });
    if (!decision.ok) return;
    const at = (id: string) => `riverton-water/north-station/pumping/line-1/${id}`;
    const { authorizer } = platform;
    expect(authorizer.mayPublish(decision.principal, `${at('centrifugal-pump/P-101')}/telemetry`)).toBe(true);
    expect(authorizer.mayPublish(decision.principal, `${at('centrifugal-pump/P-999')}/telemetry`)).toBe(
      false,
    );
    expect(authorizer.mayPublish(decision.principal, `${at('centrifugal-pump/P-101')}/commands/1`)).toBe(
      false,
    );
    expect(authorizer.maySubscribe(decision.principal, `${at('centrifugal-pump/P-101')}/commands/+`)).toBe(
      true,
    );
    expect(authorizer.maySubscribe(decision.principal, '#')).toBe(false);
    expect(authorizer.maySubscribe(decision.principal, 'riverton-water/+/+/+/+/+/commands/+')).toBe(false);
    expect(statSync(join(home.path, 'pki', 'root-key.pem')).mode & 0o777).toBe(0o600);
  });

  it('lists, pages and shows devices', async () => {
    const first = await call('GET', '/v1/devices?limit=1', { token: tokens.viewer! });
    expect(first.body).toMatchObject({
      has_more: true,
      total_count: 2,
      items: [{ device_id: 'GW-01', state: 'never_seen' }],
    });
    const next = await call('GET', `/v1/devices?limit=1&cursor=${first.body.next_cursor}`, {
      token: tokens.viewer!,
    });
    expect(next.body).toMatchObject({ has_more: false, next_cursor: null, items: [{ device_id: 'P-101' }] });
    const wrong = await call('GET', '/v1/devices?cursor=abc', { token: tokens.viewer! });
    expect(wrong.body).toMatchObject({ status: 400, error: 'invalid_argument' });
    const detail = await call('GET', '/v1/devices/P-101', { token: tokens.viewer! });
    expect(detail.body).toMatchObject({ device_id: 'P-101', gateway_id: 'GW-01', latest: {} });
    const assets = await call('GET', '/v1/assets', { token: tokens.viewer! });
    expect(assets.body).toMatchObject({ root: { kind: 'enterprise', devices: { total: 2, online: 0 } } });
    expect((await call('GET', '/v1/fleet/summary', { token: tokens.viewer! })).body).toMatchObject({
      devices: { total: 2, never_seen: 2 },
    });
  });

  it('answers history questions and says what is wrong with others', async () => {
    const ask = (query: string) =>
      call('GET', `/v1/devices/P-101/telemetry?${query}`, { token: tokens.viewer! });
    const range = 'from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z';
    expect((await ask(`${range}&interval=raw`)).body).toMatchObject({
      interval: 'raw',
      has_more: false,
      breaks: [],
    });
    expect((await ask(`${range}&interval=auto`)).body).toMatchObject({ interval: '5m' });
    for (const bad of [
      `${range}&tags=nothing`,
      'from=2&to=1',
      `${range}&interval=7x`,
      `${range}&other=1`,
      'from=0&to=9999999999999&interval=raw',
    ])
      expect(await ask(bad)).toMatchObject({ status: 400, body: { error: 'invalid_argument' } });
    for (const path of ['gaps', `completeness?${range}`])
      expect((await call('GET', `/v1/devices/P-101/${path}`, { token: tokens.viewer! })).status).toBe(200);
    for (const bad of ['gaps?cursor=n7', 'gaps?cursor=g1', `completeness?${range}&limit=1`])
      expect((await call('GET', `/v1/devices/P-101/${bad}`, { token: tokens.viewer! })).status).toBe(400);
    expect(
      (await call('GET', '/v1/stream?events=values,weather', { token: tokens.viewer! })).body,
    ).toMatchObject({
      error: 'invalid_argument',
      detail: 'events "weather" must be one of values, device, summary.',
    });
    for (const path of ['/v1/events', '/v1/dead-letters', '/v1/certificates'])
      expect((await call('GET', path, { token: tokens.operator! })).status).toBe(200);
  });
});

describe('sign-in', () => {
  it('takes a link once, keeps the cookie to the console, and signs out', async () => {
    const link = await local('POST', '/local/sign-in-link', { role: 'viewer' });
    const token = new URL((link.body as unknown as { url: string }).url).searchParams.get('token');
    const signedIn = await call('POST', '/v1/session', { body: { token } });
    expect(signedIn.status).toBe(200);
    const set = signedIn.headers.get('set-cookie')!;
    expect(set).toMatch(/HttpOnly; SameSite=Strict/);
    expect((await call('POST', '/v1/session', { body: { token } })).status).toBe(401);
    const cookie = set.split(';')[0]!;
    expect((await call('GET', '/v1/session', { headers: { cookie } })).body).toMatchObject({
      user: { role: 'viewer' },
      tenant: { slug: 'riverton-water' },
    });
    expect(
      (await call('DELETE', '/v1/session', { headers: { cookie, origin: 'http://evil.example' } })).status,
    ).toBe(403);
    expect((await call('DELETE', '/v1/session', { headers: { cookie } })).status).toBe(403);
    expect((await call('DELETE', '/v1/session', { headers: { cookie, origin: base } })).status).toBe(204);
    expect((await call('GET', '/v1/session', { headers: { cookie } })).status).toBe(401);
  });
});

describe('denied access, for every operation', () => {
  for (const route of routes.filter((one) => one.permission !== 'public')) {
    const path = route.url.replace(/:\w+/g, 'P-101');
    it(`${route.operationId} needs credentials and the permission ${route.permission}`, async () => {
      expect((await call(route.method, path)).status).toBe(401);
      expect((await call(route.method, path, { token: 'mlr_1_nonsense' })).status).toBe(401);
      for (const role of ['viewer', 'operator', 'admin'] as const) {
        const allowed = may(
          { kind: 'token', id: '', name: '', role, tenantId: 1, expiresAtMs: null },
          route.permission as Permission,
        );
        if (!allowed) expect((await call(route.method, path, { token: tokens[role]! })).status).toBe(403);
      }
      if (route.url.includes(':')) {
        const query =
          route.operationId === 'get-telemetry' || route.operationId === 'get-completeness'
            ? '?from=1&to=2'
            : route.operationId === 'get-field-retirement'
              ? '?field=x'
              : '';
        const body = route.operationId === 'discard-dead-letter' ? { body: { why: 'x' } } : {};
        expect((await call(route.method, path + query, { token: tokens.other!, ...body })).status).toBe(404);
      }
    });
  }

  it('names a known permission on every route', () => {
    for (const route of routes) expect(Object.keys(permissions)).toContain(route.permission);
  });
});

describe('the plain endpoints', () => {
  it('tells health, readiness and figures, and needs a broker to be ready', async () => {
    expect((await call('GET', '/healthz')).body).toEqual({ status: 'ok' });
    expect(await call('GET', '/readyz')).toMatchObject({ status: 503, body: { ready: false } });
    platform.attachBroker({
      publish: () => true,
      disconnectClient: () => true,
      stats: () => ({ connections: 3 }),
    });
    expect((await call('GET', '/readyz')).status).toBe(200);
    expect((await call('GET', '/metrics')).body).toContain('millrace_broker{what="connections"} 3');
    expect((await call('GET', '/v1/nothing')).body).toMatchObject({ status: 404, error: 'not_found' });
  });

  it('streams a summary at once and the state of a device that connects', async () => {
    const abort = new AbortController();
    const response = await fetch(`${base}/v1/stream`, {
      headers: { authorization: `Bearer ${tokens.viewer}` },
      signal: abort.signal,
    });
    let text = '';
    const reading = (async () => {
      for await (const chunk of response.body!) text += Buffer.from(chunk).toString();
    })().catch(() => {});
    await waitFor(() => text.includes('event: summary'), { what: 'a summary' });
    expect(text).toContain('retry: 3000');
    platform.observer.on({
      type: 'connected',
      principal: {
        clientId: 'riverton-water::GW-01',
        tenant: 'riverton-water',
        certificateSerial: 'x',
        messagesPerMinuteAlert: 1,
      },
      remoteAddress: 'x',
    });
    await waitFor(() => /event: device\ndata: .*GW-01.*"state":"online"/.test(text), {
      what: 'the device',
    });
    abort.abort();
    await reading;
  });
});

describe('readings', () => {
  const prefix = 'riverton-water/north-station/pumping/line-1/centrifugal-pump/P-101';
  const say = (seq: number, more: object = {}) => {
    const binding = platform.ingress.bind(principal('GW-01', 'riverton-water'), `${prefix}/telemetry`)!;
    const meta = { gw_id: 'riverton-water::GW-01', fw_version: '3.2.1' };
    return submit(platform.ingress, [{ binding, payload: pumpMessage('P-101', seq, { meta, ...more }) }]);
  };

  it('reach history, last-known values, the account and the stream, and only of their own tenant', async () => {
    const abort = new AbortController();
    const follow = async (token: string, query = '') => {
      const response = await fetch(`${base}/v1/stream?${query}`, {
        headers: { authorization: `Bearer ${token}` },
        signal: abort.signal,
      });
      const heard = { text: '' };
      void (async () => {
        for await (const chunk of response.body!) heard.text += Buffer.from(chunk).toString();
      })().catch(() => {});
      return heard;
    };
    const [ours, theirs] = [await follow(tokens.viewer!), await follow(tokens.other!)];
    const sparing = await follow(tokens.viewer!, 'events=device,summary');
    const start = Math.floor(systemClock.nowMs() / 60_000) * 60_000 - 60_000;
    const flow = (v: number | null, q: number) => ({ d: { ...good, flow_m3h: { v, q } } });
    const good = Object.fromEntries(
      ['temp_inlet_c', 'temp_outlet_c', 'pressure_bar', 'vibration_rms_mms', 'power_kw'].map((tag) => [
        tag,
        { v: 5, q: 192 },
      ]),
    );
    expect(await say(1, { ts: start, ...flow(10, 192) })).toEqual([0]);
    expect(await say(2, { ts: start + 1_000, ...flow(30, 192) })).toEqual([0]);
    expect(await say(3, { ts: start + 2_000, ...flow(999, 28) })).toEqual([0]);
    expect(await say(4, { ts: start + 3_000, d: 'nonsense' })).toEqual([0]);
    const query = `from=${start}&to=${start + 60_000}`;
    const token = tokens.viewer!;
    const raw = await call('GET', `/v1/devices/P-101/telemetry?${query}&interval=raw&tags=flow_m3h`, {
      token,
    });
    expect(raw.body).toMatchObject({
      series: [
        {
          tag: 'flow_m3h',
          unit: 'm³/h',
          t: [start, start + 1_000, start + 2_000],
          v: [10, 30, 999],
          q: [192, 192, 28],
        },
      ],
    });
    const goodOnly = await call(
      'GET',
      `/v1/devices/P-101/telemetry?${query}&interval=raw&tags=flow_m3h&quality=good`,
      { token },
    );
    expect(goodOnly.body).toMatchObject({ series: [{ v: [10, 30] }] });
    const binned = await call('GET', `/v1/devices/P-101/telemetry?${query}&interval=1m&tags=flow_m3h`, {
      token,
    });
    expect(binned.body).toMatchObject({
      series: [{ t: [start], avg: [20], min: [10], max: [30], count: [3], good: [2] }],
    });
    const device = await call('GET', '/v1/devices/P-101', { token });
    expect(device.body).toMatchObject({
      state: 'online',
      worst_quality: { q: 28, words: 'sensor failure', tag: 'flow_m3h' },
      latest: { flow_m3h: { v: 999, q: 28, quality: 'bad', ts: new Date(start + 2_000).toISOString() } },
    });
    const letters = await call('GET', '/v1/dead-letters', { token });
    expect(letters.body).toMatchObject({ items: [{ device_id: 'P-101', payload: null }], has_more: false });
    const { id } = (letters.body as unknown as { items: { id: string }[] }).items[0]!;
    expect((await call('GET', `/v1/dead-letters/${id}`, { token })).body.payload).toContain('nonsense');
    expect((await call('GET', `/v1/dead-letters/${id}`, { token: tokens.other! })).status).toBe(404);
    expect((await call('GET', '/v1/dead-letters', { token: tokens.other! })).body).toMatchObject({
      items: [],
    });
    const act = (verb: string, body: object | undefined, token: string) =>
      call('POST', `/v1/dead-letters/${verb}`, { token, ...(body === undefined ? {} : { body }) });
    const operator = tokens.operator!;
    expect((await act(`${id}/replay`, undefined, operator)).body).toMatchObject({ outcome: 'refused' });
    expect((await act('replay', { device_id: 'P-101' }, operator)).body).toMatchObject({
      stored: 0,
      refused: 1,
      problems: [{ id, outcome: 'refused' }],
    });
    expect((await act('replay', {}, tokens.other!)).body).toMatchObject({ refused: 0 });
    expect((await act(`${id}/discard`, {}, operator)).status).toBe(400);
    expect((await act(`${id}/discard`, { why: 'x' }, tokens.other!)).status).toBe(404);
    expect((await act(`${id}/discard`, { why: 'nonsense' }, operator)).status).toBe(204);
    expect((await act(`${id}/replay`, undefined, operator)).status).toBe(409);
    expect((await call('GET', `/v1/dead-letters/${id}`, { token })).body).toMatchObject({
      status: 'discarded',
      payload: '',
      actions: [
        { outcome: 'refused' },
        { outcome: 'refused' },
        { outcome: 'discarded', detail: 'nonsense', by: expect.stringMatching(/^operator \(token /) },
      ],
    });
    expect((await call('GET', '/v1/dead-letters?status=kept', { token })).body).toMatchObject({ items: [] });
    const retirement = (query: string, whose = token) =>
      call('GET', `/v1/contracts/centrifugal_pump/retirement?${query}`, { token: whose });
    expect((await retirement('field=flow_m3h')).body).toMatchObject({
      sending: 1,
      may_retire: false,
      groups: [{ fw_version: '3.2.1', schema_version: '2.1', sending: 'yes', device_ids: ['P-101'] }],
    });
    expect((await retirement('field=flow_m3h&stopped_in=3.2.0')).body).toMatchObject({ may_retire: true });
    expect((await retirement('field=pressure_kpa')).body).toMatchObject({ sending: 0, may_retire: true });
    expect((await retirement('field=flow_m3h', tokens.other!)).body).toMatchObject({ groups: [] });
    expect((await retirement('field=nothing')).status).toBe(404);
    expect((await retirement('field=flow_m3h&stopped_in=beta')).status).toBe(400);
    const account = await call(
      'GET',
      `/v1/devices/P-101/completeness?from=${start}&to=${systemClock.nowMs() + 60_000}`,
      { token },
    );
    expect(account.body).toMatchObject({
      expected: 4,
      stored: 3,
      missing: 0,
      dead_lettered: 1,
      numberings: [{ from_seq: 1, to_seq: 4, stored: 3 }],
    });
    const fleet = (query: string, whose = token) =>
      call('GET', `/v1/completeness?from=${start}&to=${start + 86_400_000}&${query}`, { token: whose });
    const nothing = { expected: 0, stored: 0, completeness: null };
    expect((await fleet('')).body).toMatchObject({
      totals: { devices: 2, reporting: 1, incomplete: 0, expected: 4, stored: 3, completeness: 1 },
      items: [
        { device_id: 'P-101', expected: 4, stored: 3, dead_lettered: 1, completeness: 1 },
        { device_id: 'GW-01', ...nothing },
      ],
    });
    const page = await fleet('limit=1&sort=-device_id');
    expect(page.body).toMatchObject({ has_more: true, items: [{ device_id: 'P-101' }] });
    expect((await fleet(`limit=1&sort=-device_id&cursor=${page.body.next_cursor}`)).body).toMatchObject({
      has_more: false,
      items: [{ device_id: 'GW-01' }],
    });
    expect((await fleet('only=silent')).body).toMatchObject({ items: [{ device_id: 'GW-01' }] });
    expect((await fleet('only=incomplete')).body).toMatchObject({ items: [], totals: nothing });
    expect((await fleet('q=nobody')).body).toMatchObject({ items: [], total_count: 0 });
    expect((await fleet('sort=luck')).status).toBe(400);
    // Another tenant's account knows nothing of ours.
    expect(JSON.stringify((await fleet('', tokens.other!)).body)).not.toContain('P-101');
    await waitFor(() => /event: values\ndata: .*"device_id":"P-101"/.test(ours.text), {
      what: 'values on the stream',
    });
    await waitFor(() => theirs.text.includes('event: summary'), { what: 'the other summary' });
    expect(theirs.text).not.toContain('P-101');
    await waitFor(() => sparing.text.includes('event: summary'), { what: 'a summary without values' });
    expect(sparing.text).not.toContain('event: values');
    // A client that comes back gets what it missed.
    const lastId = Number(/id: (\d+)\nevent: values/.exec(ours.text)![1]);
    const again = await fetch(`${base}/v1/stream`, {
      headers: { authorization: `Bearer ${token}`, 'last-event-id': String(lastId - 1) },
      signal: abort.signal,
    });
    const resumed = { text: '' };
    void (async () => {
      for await (const chunk of again.body!) resumed.text += Buffer.from(chunk).toString();
    })().catch(() => {});
    await waitFor(() => resumed.text.includes(`id: ${lastId}\nevent: values`), { what: 'the missed values' });
    abort.abort();
  });
});

describe('limits', () => {
  it('refuses who knocks too often without credentials, and says when to come back', async () => {
    // More than two windows' worth, so that the turn of a minute does not matter.
    for (let i = 0; i < 300; i++) {
      const answer = await call('GET', '/v1/devices');
      expect(answer.headers.get('x-ratelimit-limit')).toBe('120');
      if (answer.status === 401) continue;
      expect(answer).toMatchObject({ status: 429, body: { error: 'limit_exceeded' } });
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      return;
    }
    throw new Error('never refused');
  });
});

it('has held every readable operation against the document', async () => {
  await call('GET', '/v1/tokens', { token: tokens.admin! });
  await call('GET', '/v1/certificates/ca', { token: tokens.viewer! });
  await call('POST', '/v1/tokens', { token: tokens.admin!, body: { name: 'x', role: 'viewer' } });
  const readable = routes.filter(
    (one) => one.group !== undefined && one.method === 'GET' && one.answerType === undefined,
  );
  for (const route of readable) expect([...checked]).toContain(route.operationId);
});
