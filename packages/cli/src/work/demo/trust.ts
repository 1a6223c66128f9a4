import { X509Certificate } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DemoPlan } from './plan.js';

/**
 * What a commissioning engineer does once: the gateway's OPC UA certificate goes into the trust list of the field's
 * server. Returns whether it is there now; false until the gateway has made its certificate at its first start.
 */
export function trustGatewayAtField(plan: DemoPlan): boolean {
  const own = join(plan.gatewayPki, 'opcua', 'own', 'certs');
  const trusted = join(plan.fieldPki, 'server', 'trusted', 'certs');
  const known = new Set(fingerprints(trusted).values());
  for (const [file, fingerprint] of fingerprints(own)) {
    if (!known.has(fingerprint)) {
      mkdirSync(trusted, { recursive: true });
      copyFileSync(file, join(trusted, `gateway-${fingerprint.slice(0, 16)}.pem`));
    }
    // A certificate that lies in both lists counts as rejected.
    for (const [refused, same] of fingerprints(join(plan.fieldPki, 'server', 'rejected'))) {
      if (same === fingerprint) rmSync(refused, { force: true });
    }
  }
  return fingerprints(own).size > 0;
}

/** The certificates of a folder: SHA-256 fingerprint, lower-case hex, by file. */
function fingerprints(folder: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of listFiles(folder)) {
    try {
      const file = join(folder, name);
      const certificate = new X509Certificate(readFileSync(file));
      found.set(file, certificate.fingerprint256.replaceAll(':', '').toLowerCase());
    } catch {
      // A file half written, or none of ours: the next look sees it.
    }
  }
  return found;
}

function listFiles(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
