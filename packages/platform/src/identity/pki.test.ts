import { X509Certificate } from 'node:crypto';
import { silentLogger } from '@millrace/foundation';
import { ManualClock, type TempDir, tempDir } from '@millrace/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { dayMs, yearMs } from './crypto.js';
import { Pki } from './pki.js';

let home: TempDir;
afterEach(() => home?.remove());

async function open(clock: ManualClock, hosts: string[] = []): Promise<Pki> {
  const pki = new Pki({ dataDir: home.path, clock, logger: silentLogger, hosts });
  await pki.open();
  return pki;
}

describe('the PKI', () => {
  it('keeps its authorities and its service certificate, and renews the latter in time', async () => {
    home = tempDir('pki');
    const clock = new ManualClock();
    const first = await open(clock);
    const again = await open(clock);
    expect(again.rootPem).toBe(first.rootPem);
    expect(again.serviceTls).toEqual(first.serviceTls);
    clock.stepWall(yearMs - 61 * dayMs);
    expect((await open(clock)).serviceTls.cert).toBe(first.serviceTls.cert);
    clock.stepWall(2 * dayMs);
    const renewed = await open(clock);
    expect(renewed.serviceTls.cert).not.toBe(first.serviceTls.cert);
    expect(renewed.operationsPem).toBe(first.operationsPem);
  });

  it('covers further names, and makes the certificate anew for them', async () => {
    home = tempDir('pki');
    const clock = new ManualClock();
    const before = (await open(clock)).serviceTls.cert;
    const after = (await open(clock, ['mqtt.example.com', '10.1.2.3'])).serviceTls.cert;
    expect(after).not.toBe(before);
    const certificate = new X509Certificate(after);
    for (const name of ['localhost', 'mqtt.example.com']) expect(certificate.checkHost(name)).toBe(name);
    for (const address of ['127.0.0.1', '::1', '10.1.2.3'])
      expect(certificate.checkIP(address)).toBe(address);
  });

  it('issues identities for clients that no longer live than their issuer', async () => {
    home = tempDir('pki');
    const clock = new ManualClock();
    await open(clock);
    clock.stepWall(4 * yearMs);
    const pki = await open(clock);
    const issued = await pki.issueWithKey('acme::GW-01', 'gateway');
    const certificate = new X509Certificate(issued.pem);
    expect(certificate.subject).toBe('CN=acme::GW-01');
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(certificate.serialNumber.toLowerCase()).toBe(issued.serial);
    expect(certificate.ca).toBe(false);
    const issuer = new X509Certificate(pki.operationsPem);
    expect(certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)).toBe(true);
    expect(issued.notAfter).toBeLessThanOrEqual(Date.parse(issuer.validTo));
    await expect(pki.issueFromRequest('nonsense', 'a::b', 'b', 'device')).rejects.toThrow(/PKCS #10/);
  });

  it('refuses to open when the operations CA has expired', async () => {
    home = tempDir('pki');
    const clock = new ManualClock();
    await open(clock);
    clock.stepWall(5 * yearMs + dayMs);
    await expect(open(clock)).rejects.toMatchObject({ code: 'certificate_invalid' });
  });
});
