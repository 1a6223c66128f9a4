import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ApiClient } from '../../runtime/api-client.js';
import { issueCertificate } from '../certificate.js';
import { registerDevice } from '../device.js';
import { readDeviceFile } from '../device-file.js';
import { blueprintFile } from './files.js';
import { type DemoPlan, gatewayId } from './plan.js';

const RENEW_BEFORE_MS = 60 * 86_400_000;

/** Registers the blueprint's devices and gives the gateway its identity, with the calls any user would make. */
export async function registerDemo(client: ApiClient, plan: DemoPlan): Promise<void> {
  for (const device of readDeviceFile(blueprintFile('devices.yaml'))) await registerDevice(client, device);
  const caInUse = await currentCa(client);
  if (!certificateUsable(plan.gatewayPki, caInUse, Date.now())) {
    await issueCertificate(client, gatewayId, plan.gatewayPki);
  }
}

/** The platform's CA certificates, to notice a database and PKI that were begun anew; undefined where not told. */
async function currentCa(client: ApiClient): Promise<string | undefined> {
  try {
    return (await client.call<{ ca: string }>('GET', '/v1/certificates/ca')).ca;
  } catch {
    return undefined;
  }
}

function certificateUsable(folder: string, ca: string | undefined, nowMs: number): boolean {
  try {
    const certificate = new X509Certificate(readFileSync(join(folder, 'cert.pem')));
    readFileSync(join(folder, 'key.pem'));
    const known = readFileSync(join(folder, 'ca.pem'), 'utf8');
    if (ca !== undefined && known.trim() !== ca.trim()) return false;
    return Date.parse(certificate.validTo) - nowMs > RENEW_BEFORE_MS;
  } catch {
    return false;
  }
}
