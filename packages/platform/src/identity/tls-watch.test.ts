import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger } from '@millrace/foundation';
import { ManualClock, type TempDir, tempDir } from '@millrace/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Pki, type ServiceTls } from './pki.js';
import { TlsWatch } from './tls-watch.js';

let home: TempDir;
let applied: ServiceTls[];
let pki: Pki;
let watch: TlsWatch;

beforeEach(async () => {
  home = tempDir('tls-watch');
  const clock = new ManualClock();
  const dataDir = home.path;
  pki = new Pki({ dataDir, clock, logger: silentLogger });
  await pki.open();
  applied = [];
  watch = new TlsWatch({ pki, dataDir, clock, logger: silentLogger, apply: (tls) => applied.push(tls) });
  await watch.start();
});

afterEach(async () => {
  await watch.stop();
  home.remove();
});

it('does nothing while nothing changed', async () => {
  await watch.look();
  expect(applied).toEqual([]);
});

it('gives the broker a further CA and a revocation list as soon as the files are there', async () => {
  const folder = (name: string) => join(home.path, 'pki', name);
  mkdirSync(folder('trusted'));
  writeFileSync(join(folder('trusted'), 'next.pem'), pki.rootPem);
  await watch.look();
  expect(applied).toHaveLength(1);
  expect(applied[0]?.ca.split('BEGIN CERTIFICATE')).toHaveLength(4);
  mkdirSync(folder('crl'));
  writeFileSync(
    join(folder('crl'), 'operations.pem'),
    '-----BEGIN X509 CRL-----\nAA==\n-----END X509 CRL-----\n',
  );
  await watch.look();
  expect(applied[1]?.crl).toHaveLength(1);
  await watch.look();
  expect(applied).toHaveLength(2);
});

it('keeps what is in force when a changed file cannot be used, and takes it once it is mended', async () => {
  const file = join(home.path, 'pki', 'operations.pem');
  const good = pki.operationsPem;
  writeFileSync(file, 'not a certificate');
  await watch.look();
  expect(applied).toEqual([]);
  expect(pki.operationsPem).toBe(good);
  writeFileSync(file, `${good}\n`);
  await watch.look();
  expect(pki.operationsPem).toBe(good);
});
