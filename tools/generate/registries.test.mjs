import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { renderRegistries } from './registries.mjs';

const made = [];
afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});

test('lists the folders beside it, sorted, leaving out empty ones and files', () => {
  const root = mkdtempSync(join(tmpdir(), 'millrace-generate-'));
  made.push(root);
  const drivers = join(root, 'packages/edge/src/drivers');
  for (const name of ['opcua', 'modbus-tcp', 'empty']) mkdirSync(join(drivers, name), { recursive: true });
  for (const name of ['opcua', 'modbus-tcp']) writeFileSync(join(drivers, name, 'config.ts'), '');
  writeFileSync(join(drivers, 'driver.ts'), '');
  const [registry, ...others] = renderRegistries(root);
  expect(others).toEqual([]);
  expect(registry.path).toBe('packages/edge/src/drivers/registry.generated.ts');
  expect(registry.text.match(/config\.js|index\.js/g)).toHaveLength(4);
  expect(registry.text.indexOf('modbusTcpConfig')).toBeLessThan(registry.text.indexOf('opcuaConfig'));
  expect(registry.text).not.toContain('empty');
});
