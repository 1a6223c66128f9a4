import { statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { MillraceError, silentLogger } from '@millrace/foundation';
import { type TempDir, tempDir } from '@millrace/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { platformClient, socketClient } from './api-client.js';
import { prepareDataDir } from './data-dir.js';
import { jsonHandler, type LocalSocket, openLocalSocket, socketPath } from './local-socket.js';

let dir: TempDir;
let socket: LocalSocket | undefined;
beforeEach(() => {
  dir = tempDir('socket');
  prepareDataDir(dir.path);
});
afterEach(async () => {
  await socket?.close();
  socket = undefined;
  dir.remove();
});

const routes = jsonHandler(
  {
    'GET /status': () => ({ well: true }),
    'POST /echo': (body) => body,
    'GET /refuse': () => {
      throw new MillraceError('not_found', 'There is no P-999 here.');
    },
    'GET /break': () => {
      throw new Error('a defect');
    },
  },
  silentLogger,
);

describe('the local socket', () => {
  test('belongs to its user alone, answers JSON, and replaces the file a dead process left', async () => {
    writeFileSync(join(dir.path, 'run', 'edge.sock'), '');
    socket = await openLocalSocket(dir.path, 'edge', routes);
    expect(statSync(socketPath(dir.path, 'edge')).mode & 0o777).toBe(0o600);
    const client = socketClient(dir.path, 'edge', 'millrace edge');
    expect(await client.call('GET', '/status?x=1')).toEqual({ well: true });
    expect(await client.call('POST', '/echo', { text: 'grüß' })).toEqual({ text: 'grüß' });
  });

  test('passes an error on with its code and sentence', async () => {
    socket = await openLocalSocket(dir.path, 'edge', routes);
    const client = socketClient(dir.path, 'edge', 'millrace edge');
    const refused = { code: 'not_found', message: 'There is no P-999 here.' };
    await expect(client.call('GET', '/refuse')).rejects.toMatchObject(refused);
    await expect(client.call('GET', '/break')).rejects.toMatchObject({ code: 'internal' });
    await expect(client.call('GET', '/nowhere')).rejects.toThrow('There is no GET /nowhere here.');
  });

  test('says what to start when nothing listens, with or without a file', async () => {
    const client = socketClient(dir.path, 'edge', 'millrace edge --config gateway.yaml');
    await expect(client.call('GET', '/status')).rejects.toThrow(
      'start it with "millrace edge --config gateway.yaml"',
    );
    writeFileSync(join(dir.path, 'run', 'edge.sock'), '');
    await expect(client.call('GET', '/status')).rejects.toThrow('No edge runs');
  });

  test('refuses a data folder whose name is too long for a socket', () => {
    expect(() => socketPath(`/${'long/'.repeat(40)}`, 'edge')).toThrow(/fewer than 80 characters/);
  });
});

describe('a remote platform', () => {
  let server: Server;
  const seen: { authorization: string | undefined; url: string | undefined }[] = [];
  beforeEach(async () => {
    server = createServer((request, response) => {
      seen.push({ authorization: request.headers.authorization, url: request.url });
      response.writeHead(403, { 'content-type': 'application/problem+json' });
      response.end(JSON.stringify({ title: 'Forbidden', detail: 'A viewer may not do this.' }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  test('is asked with the token; a problem document becomes the sentence of the error', async () => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/base/`;
    const client = platformClient({ options: { url, token: 'abc' }, args: {} });
    const refused = { code: 'permission_denied', message: 'A viewer may not do this.' };
    await expect(client.call('GET', '/v1/devices')).rejects.toMatchObject(refused);
    expect(seen.at(-1)).toEqual({ authorization: 'Bearer abc', url: '/base/v1/devices' });
  });

  test('that does not answer, and an address that is none, are one sentence each', async () => {
    const client = platformClient({ options: { url: 'http://127.0.0.1:1' }, args: {} });
    await expect(client.call('GET', '/')).rejects.toThrow(/does not answer/);
    expect(() => platformClient({ options: { url: 'nowhere' }, args: {} })).toThrow(/is not an address/);
    expect(() => platformClient({ options: { url: 'ftp://x' }, args: {} })).toThrow(/http/);
  });
});
