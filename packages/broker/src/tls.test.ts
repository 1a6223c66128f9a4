import { execFileSync } from 'node:child_process';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { makeCertificates, peer, requirePeer, type TempDir, tempDir } from '@millrace/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createWebSocketStream, WebSocket } from 'ws';
import type { TlsMaterial } from './listener.js';
import { certificateAuthenticator } from './open-door.js';
import { startTestBroker, type TestBroker, WireClient } from './peer.js';

describe.skipIf(!requirePeer('openssl'))('a TLS listener', () => {
  let folder: TempDir;
  let started: TestBroker | undefined;
  const sockets: TLSSocket[] = [];

  beforeEach(() => {
    folder = tempDir('broker-tls');
    makeCertificates(folder.path, ['acme::a', 'acme::b']);
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await started?.stop();
    started = undefined;
    folder.remove();
  });

  const pem = (name: string) => readFileSync(join(folder.path, name), 'utf8');
  const material = (more: Partial<TlsMaterial> = {}): TlsMaterial => ({
    cert: pem('broker.pem'),
    key: pem('broker.key'),
    ca: pem('ca.pem'),
    ...more,
  });

  async function start(scheme = 'mqtts'): Promise<TestBroker> {
    started = await startTestBroker({
      listeners: [{ url: `${scheme}://127.0.0.1:0`, tls: material() }],
      authenticator: certificateAuthenticator,
    });
    return started;
  }

  const identity = (name: string | undefined) =>
    name === undefined ? {} : { cert: pem(`${name}.pem`), key: pem(`${name}.key`) };

  function open(name: string | undefined, more: object = {}): TLSSocket {
    const socket = connectTls({
      host: '127.0.0.1',
      port: started!.port,
      ca: pem('ca.pem'),
      ...identity(name),
      ...more,
    });
    socket.on('error', () => {});
    sockets.push(socket);
    return socket;
  }

  /** A revocation list of the test CA that names the certificate of `client1` (or nobody). */
  function revocationList(revoked: readonly string[]): string {
    const config = join(folder.path, 'ca.cnf');
    writeFileSync(join(folder.path, 'index.txt'), '');
    writeFileSync(
      config,
      `[ca]\ndefault_ca=c\n[c]\ndatabase=${join(folder.path, 'index.txt')}\ndefault_md=sha256\ndefault_crl_days=1\n`,
    );
    const common = [
      'ca',
      '-config',
      config,
      '-cert',
      join(folder.path, 'ca.pem'),
      '-keyfile',
      join(folder.path, 'ca.key'),
    ];
    const openssl = (args: string[]) => execFileSync(peer('openssl').path, args, { stdio: 'pipe' });
    for (const name of revoked) openssl([...common, '-revoke', join(folder.path, `${name}.pem`)]);
    openssl([...common, '-gencrl', '-out', join(folder.path, 'crl.pem')]);
    return pem('crl.pem');
  }

  it('lets in a client whose id is its certificate name, over TLS 1.3 only', async () => {
    const { events } = await start();
    const socket = open('client0');
    const good = await new WireClient(socket).connect('acme::a');
    expect(good.connack.reasonCode).toBe(0);
    expect(socket.getProtocol()).toBe('TLSv1.3');
    const connected = events.find((event) => event.type === 'connected');
    expect(connected?.principal.certificateSerial).toMatch(/^[0-9a-f]{10,}$/);
    const other = await new WireClient(open('client1')).connect('acme::a');
    expect(other.connack.reasonCode).toBe(0x85);
    const old = new WireClient(open('client0', { maxVersion: 'TLSv1.2' }));
    await old.end();
    expect(started!.broker.stats().connections).toBe(1);
  });

  it('refuses a client without a certificate, or with a stranger’s, and counts it', async () => {
    const { broker, events } = await start();
    await new WireClient(open(undefined)).end();
    const stranger = tempDir('broker-stranger');
    makeCertificates(stranger.path, ['acme::a']);
    const cert = readFileSync(join(stranger.path, 'client0.pem'), 'utf8');
    const key = readFileSync(join(stranger.path, 'client0.key'), 'utf8');
    await new WireClient(open(undefined, { cert, key })).end();
    stranger.remove();
    while (broker.stats().refusedConnects < 2) await new Promise((resolve) => setImmediate(resolve));
    const refused = events.filter((event) => event.type === 'connect_refused');
    expect(refused[0]?.reason).toBe('the client showed no certificate');
    expect(refused).toHaveLength(2);
  });

  it('closes a connection whose certificate a new list revokes, keeps the others, and lets it not back in', async () => {
    const { broker, events } = await start();
    const kept = await new WireClient(open('client0')).connect('acme::a');
    const revoked = await new WireClient(open('client1')).connect('acme::b');
    broker.reloadTls(material({ crl: [revocationList([])] }));
    await kept.settle();
    await revoked.settle();
    broker.reloadTls(material({ crl: [revocationList(['client1'])] }));
    const goodbye = await revoked.next('disconnect');
    expect(goodbye.reasonCode).toBe(0x87);
    expect(goodbye.properties?.reasonString).toBe('the client certificate is revoked');
    await revoked.end();
    await kept.settle();
    await new WireClient(open('client1')).end();
    const again = await new WireClient(open('client0')).connect('acme::a');
    expect(again.connack.reasonCode).toBe(0);
    const told = events.filter((event) => event.type === 'connect_refused');
    expect(told[0]?.certificateSerial).toMatch(/^[0-9a-f]+$/);
  });

  it('closes connections whose CA is trusted no more', async () => {
    const { broker } = await start();
    const client = await new WireClient(open('client0')).connect('acme::a');
    const next = tempDir('broker-next-ca');
    makeCertificates(next.path, []);
    const ca = readFileSync(join(next.path, 'ca.pem'), 'utf8');
    next.remove();
    broker.reloadTls(material({ ca: `${ca}\n${pem('ca.pem')}` }));
    await client.settle();
    broker.reloadTls(material({ ca }));
    expect((await client.next('disconnect')).properties?.reasonString).toContain('not trusted');
    await client.end();
    expect(broker.stats().connections).toBe(0);
  });

  it('keeps what it had when a new list cannot be read, and says so', async () => {
    const { broker } = await start();
    const client = await new WireClient(open('client0')).connect('acme::a');
    appendFileSync(
      join(folder.path, 'bad.pem'),
      '-----BEGIN X509 CRL-----\nMAMCAQE=\n-----END X509 CRL-----\n',
    );
    expect(() => broker.reloadTls(material({ crl: [pem('bad.pem')] }))).toThrow(/revocation list/);
    await client.settle();
  });

  it('speaks MQTT over WebSocket with the same certificates (chapter 6)', async () => {
    const { port, broker } = await start('wss');
    const webSocket = new WebSocket(`wss://127.0.0.1:${port}`, 'mqtt', {
      ca: pem('ca.pem'),
      ...identity('client0'),
    });
    const client = await new WireClient(createWebSocketStream(webSocket)).connect('acme::a');
    await client.subscribe('t', 1);
    client.publish('t', 'over the web', 1);
    expect(await client.text()).toBe('over the web');
    broker.reloadTls(material({ crl: [revocationList(['client0'])] }));
    expect((await client.next('disconnect')).reasonCode).toBe(0x87);
    webSocket.terminate();
  });
});
