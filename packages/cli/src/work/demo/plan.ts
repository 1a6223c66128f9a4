import { join } from 'node:path';
import type { PortPlan } from '../../runtime/ports.js';

export type ChildRole = 'field' | 'platform' | 'edge';

/** One process of the demo: its command line is one that a user could type. */
export interface ChildPlan {
  readonly role: ChildRole;
  /** Arguments after `millrace`. */
  readonly args: readonly string[];
}

/** Everything the demo decides, before it touches anything. */
export interface DemoPlan {
  readonly dataDir: string;
  readonly ports: PortPlan;
  readonly platformFile: string;
  readonly gatewayFile: string;
  /** ca.pem, cert.pem and key.pem of the gateway's uplink. */
  readonly gatewayPki: string;
  /** Where the field keeps its OPC UA certificates and trust list. */
  readonly fieldPki: string;
  readonly children: Readonly<Record<ChildRole, ChildPlan>>;
}

export const blueprint = 'water-pumping-station';
export const gatewayId = 'GW-01';

export function planDemo(dataDir: string, ports: PortPlan): DemoPlan {
  const platformFile = join(dataDir, 'platform.yaml');
  const gatewayFile = join(dataDir, 'gateway.yaml');
  const fieldPki = join(dataDir, 'pki', 'field');
  const at = ['--data', dataDir];
  const pages = ['--page-port', `${ports.gatewayPage}`, '--metrics-port', `${ports.gatewayMetrics}`];
  const fieldPorts = ['--modbus-port', `${ports.modbus}`, '--opcua-port', `${ports.opcua}`];
  return {
    dataDir,
    ports,
    platformFile,
    gatewayFile,
    gatewayPki: join(dataDir, 'pki', 'gateway'),
    fieldPki,
    children: {
      field: { role: 'field', args: ['field', '--plant', blueprint, ...fieldPorts, ...at] },
      platform: { role: 'platform', args: ['up', '--config', platformFile, ...at] },
      edge: { role: 'edge', args: ['edge', '--config', gatewayFile, ...pages, ...at] },
    },
  };
}
