import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMillraceError } from '@millrace/foundation';
import { tempDir } from '@millrace/testing';
import { describe, expect, it } from 'vitest';
import { sampleConfigText } from '../peer.js';
import { checkGatewayConfig, loadGatewayConfig } from './load.js';

function problemsOf(text: string): string[] {
  try {
    checkGatewayConfig(text, 'gateway.yaml');
  } catch (error) {
    if (isMillraceError(error)) return error.message.split('\n');
    throw error;
  }
  return [];
}

describe('the configuration of a gateway', () => {
  it('resolves tags against the contract: signal span, deadband, liveness, timing', () => {
    const { plan } = checkGatewayConfig(sampleConfigText(), '/x/gateway.yaml');
    const pressure = plan.tags.find((tag) => tag.name === 'pressure_bar');
    expect(pressure).toMatchObject({
      span: [0, 10],
      deadbandWidth: 0.025,
      maxIntervalMs: 60_000,
      timing: 'process',
    });
    expect(plan.self.address.deviceType).toBe('edge_gateway');
  });

  it('reports every broken reference at once, with path and line', () => {
    const text = sampleConfigText({
      drivers: `  plc:
    type: modbus-tcp
    host: 127.0.0.1
    addresses: 0-based
    devices:
      P-101:
        tags:
          presure_bar: { table: input, address: 0 }
          run_hours: { table: input, address: 4, signal: { type: 4-20mA } }
          power_kw: { table: input, address: 2, deadband: { percent: 1, absolute: 1 } }
      P-999:
        tags: { flow_m3h: { table: input, address: 1 } }
  second:
    type: modbus-tcp
    host: 127.0.0.1
    addresses: 1-based
    devices:
      P-101:
        tags: { power_kw: { table: input, address: 1 } }
`,
    }).replace('P-102: { type: centrifugal_pump }', 'P-102: { type: centrifugal_pmp }');
    const problems = problemsOf(text).map((line) => line.replace(/;.*|\(.*/, ''));
    expect(problems).toHaveLength(6);
    const lineOf = (part: string) => text.split('\n').findIndex((line) => line.includes(part)) + 1;
    expect(problems[0]).toContain(
      `gateway.yaml:${lineOf('centrifugal_pmp')} devices.P-102.type: "centrifugal_pmp"`,
    );
    expect(problems[1]).toContain(
      `gateway.yaml:${lineOf('presure_bar')} drivers.plc.devices.P-101.tags.presure_bar`,
    );
    expect(problems[2]).toContain(
      `:${lineOf('run_hours')} drivers.plc.devices.P-101.tags.run_hours.signal: needs low`,
    );
    expect(problems[3]).toContain('gives both percent and absolute');
    expect(problems[4]).toContain(`:${lineOf('P-999')} drivers.plc.devices.P-999: "P-999" is not listed`);
    expect(problems[5]).toContain('is read by driver "plc" already');
  });

  it('names files that do not exist, from the folder of the configuration', () => {
    const uplink = '{ url: mqtts://h:8883, ca: ca.pem, certificate: c.pem, key: k.pem }';
    const problems = problemsOf(sampleConfigText({ uplink }));
    expect(problems).toHaveLength(3);
    expect(problems[0]).toMatch(/gateway.yaml:2 uplink.ca: names .*ca.pem, which does not exist/);
  });

  it('says so when the file cannot be read', () => {
    expect(() => loadGatewayConfig('/no/such/gateway.yaml')).toThrow(/cannot be read/);
  });

  it('accepts every driver sample', async () => {
    const folder = tempDir('edge-config');
    const { readdirSync, readFileSync } = await import('node:fs');
    const drivers = new URL('../drivers/', import.meta.url).pathname;
    for (const file of ['plc-7.pem', 'plc-7-account.json']) writeFileSync(join(folder.path, file), 'x');
    for (const entry of readdirSync(drivers, { withFileTypes: true })) {
      if (!entry.isDirectory()) continue;
      const sample = readFileSync(join(drivers, entry.name, 'sample.yaml'), 'utf8').replace(/^/gm, '  ');
      const text = sampleConfigText({ drivers: sample }).replace(
        'P-102: {',
        'P-103: { type: centrifugal_pump }\n  P-102: {',
      );
      expect(() => checkGatewayConfig(text, join(folder.path, 'gateway.yaml'))).not.toThrow();
    }
    folder.remove();
  });
});
