import { Quality } from '@millrace/contracts';
import { checkGatewayConfig } from './config/load.js';
import type { Plan } from './config/plan.js';
import type { TelemetryDraft } from './pipeline/assemble.js';

/** A small gateway configuration for tests: two pumps behind one Modbus server. `more` replaces parts of the text. */
export function sampleConfigText(
  more: { readonly uplink?: string; readonly drivers?: string; readonly outbox?: string } = {},
): string {
  return `gateway: { id: GW-01, tenant: acme, site: north, area: pumping, line: line-1 }
uplink: ${more.uplink ?? '{ url: mqtt://127.0.0.1:1 }'}
outbox: ${more.outbox ?? '{ file: outbox.db }'}
devices:
  P-101: { type: centrifugal_pump, fw_version: 1.2.3 }
  P-102: { type: centrifugal_pump }
drivers:
${more.drivers ?? defaultDrivers}`;
}

const defaultDrivers = `  plc:
    type: modbus-tcp
    host: 127.0.0.1
    port: 1
    addresses: 0-based
    devices:
      P-101:
        tags:
          pressure_bar: { table: input, address: 0, signal: { type: 4-20mA, counts_per_ma: 1000 } }
          power_kw: { table: holding, address: 10, data: float32 }
      P-102:
        unit: 2
        tags:
          pressure_bar: { table: input, address: 0, data: float32 }
`;

export function samplePlan(): Plan {
  return checkGatewayConfig(sampleConfigText(), '/nowhere/gateway.yaml').plan;
}

/** A message of a device with one value. */
export function draftOf(plan: Plan, deviceId: string, tsMs: number, value: number): TelemetryDraft {
  const device = plan.devices.find((candidate) => candidate.address.deviceId === deviceId)!;
  return { device, tsMs, sourceTsMs: tsMs, d: { pressure_bar: { v: value, q: Quality.good } } };
}
