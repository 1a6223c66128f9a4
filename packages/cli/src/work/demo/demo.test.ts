import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@millrace/testing';
import { describe, expect, test } from 'vitest';
import { commands } from '../../commands/registry.generated.js';
import { prepareDataDir } from '../../runtime/data-dir.js';
import { portPlan } from '../../runtime/ports.js';
import { readDeviceFile } from '../device-file.js';
import { bannerText } from './banner.js';
import { restartDelayMs } from './child.js';
import { blueprintFile, fillPorts, writeDemoFiles } from './files.js';
import { LogFile } from './log-file.js';
import { planDemo } from './plan.js';

describe('the demo', () => {
  test('passes no option that a user could not: each child is a documented verb with documented options', () => {
    const { children } = planDemo('/data', portPlan(9000));
    for (const { args } of Object.values(children)) {
      const spec = commands.find((command) => command.path.length === 1 && command.path[0] === args[0]);
      const known = (spec?.options ?? []).map((option) => option.flags.split(' ')[0]);
      const used = args.filter((arg) => arg.startsWith('--'));
      expect(used.length).toBeGreaterThan(0);
      for (const option of used) expect(known, `${args[0]} ${option}`).toContain(option);
    }
  });

  test('starts its children with nothing in their environment that it did not find there', () => {
    const source = readFileSync(new URL('./child.ts', import.meta.url), 'utf8');
    const spawned = /spawn\([\s\S]*?\n {4}\);/.exec(source)?.[0];
    expect(spawned).toContain('process.execPath');
    expect(spawned).not.toMatch(/\benv\b/);
  });

  test('moves every port of the blueprint to the base, and only ports', () => {
    const ports = portPlan(9000);
    for (const name of ['platform.yaml', 'gateway.yaml']) {
      const text = fillPorts(readFileSync(blueprintFile(name), 'utf8'), ports, name);
      const settings = text.split('\n').filter((line) => !line.trimStart().startsWith('#'));
      expect(settings.join('\n'), name).not.toMatch(/:\s*(8080|8883|55432|5020|4840|8081|9464)\b/);
    }
    expect(fillPorts('url: mqtts://127.0.0.1:8883\n# see :8883\nport: 5020', ports, 'x')).toBe(
      'url: mqtts://127.0.0.1:9001\n# see :8883\nport: 9003',
    );
  });

  test('writes its files once more when the blueprint changes, and never over a change by hand', () => {
    const dir = tempDir('demo');
    prepareDataDir(dir.path);
    const plan = planDemo(dir.path, portPlan(9000));
    expect(writeDemoFiles(plan)).toEqual([]);
    expect(writeDemoFiles(planDemo(dir.path, portPlan(9100)))).toEqual([]);
    expect(readFileSync(plan.gatewayFile, 'utf8')).toContain(':9101');
    writeFileSync(plan.gatewayFile, '# mine');
    expect(writeDemoFiles(plan)).toEqual([plan.gatewayFile]);
    expect(writeDemoFiles(plan)).toEqual([plan.gatewayFile]);
    expect(readFileSync(plan.gatewayFile, 'utf8')).toBe('# mine');
    dir.remove();
  });

  test('registers gateways before the devices they speak for', () => {
    const devices = readDeviceFile(blueprintFile('devices.yaml'));
    const seen = new Set<string>();
    for (const device of devices) {
      if (device.gateway_id !== undefined) expect(seen).toContain(device.gateway_id);
      seen.add(device.device_id);
    }
    expect(seen.size).toBe(6);
  });

  test('waits twice as long after each crash in a row, up to half a minute', () => {
    expect([1, 2, 3, 9].map(restartDelayMs)).toEqual([1000, 2000, 4000, 30_000]);
  });

  test('keeps its log files bounded', () => {
    const dir = tempDir('log');
    const path = join(dir.path, 'x.log');
    const log = new LogFile(path, 100);
    for (let i = 0; i < 50; i++) log.write(Buffer.from('0123456789012345678901234567890\n'));
    expect(statSync(path).size).toBeLessThanOrEqual(100);
    expect(statSync(`${path}.1`).size).toBeLessThanOrEqual(100);
    dir.remove();
  });

  test('says in its banner where to look and how to reach this copy', () => {
    const plan = planDemo(join(process.cwd(), 'var', 'p9000'), portPlan(9000));
    const text = bannerText({
      plan,
      portBase: 9000,
      link: 'http://x/y',
      pids: { field: 1, platform: 2, edge: 3 },
    });
    expect(text).toContain('http://127.0.0.1:9000');
    expect(text).toContain('http://x/y');
    expect(text).toContain('millrace status --port-base 9000');
    expect(text).toContain('./var/p9000');
  });
});
