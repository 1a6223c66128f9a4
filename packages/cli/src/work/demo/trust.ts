import { copyFileSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DemoPlan } from './plan.js';

/**
 * What a commissioning engineer does once: the gateway's OPC UA certificate goes into the trust list of the field's
 * server. Returns whether it is there now; false until the gateway has made its certificate at its first start.
 */
export function trustGatewayAtField(plan: DemoPlan): boolean {
  const own = join(plan.gatewayPki, 'opcua', 'own', 'certs');
  const trusted = join(plan.fieldPki, 'server', 'trusted', 'certs');
  const certificates = listFiles(own).filter((name) => /\.(pem|der)$/.test(name));
  for (const name of certificates) {
    const target = join(trusted, `gateway-${name}`);
    if (existsSync(target)) continue;
    mkdirSync(trusted, { recursive: true });
    copyFileSync(join(own, name), target);
  }
  return certificates.length > 0;
}

function listFiles(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
