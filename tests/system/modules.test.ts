import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProduct, startProduct, tempDir } from '@millrace/testing';
import { describe, expect, test } from 'vitest';
import { TestPlant } from './support/plant.js';

const hooks = fileURLToPath(new URL('./support/list-modules.mjs', import.meta.url));

function loaded(file: string): string[] {
  return existsSync(file) ? [...new Set(readFileSync(file, 'utf8').split('\n'))] : [];
}

const heavy = /packages\/(platform|broker|console|field)\/|duckdb|fastify|\/pg\/|node_modules\/kysely/;

describe('what a verb loads', () => {
  test('millrace edge runs without a line of platform, broker, console, field or DuckDB', async () => {
    const plant = await TestPlant.create();
    const list = join(plant.dataDir, 'modules');
    try {
      await plant.start('field');
      await plant.start('platform');
      await plant.mustCli(
        'device',
        'import',
        fileURLToPath(new URL('../../blueprints/water-pumping-station/devices.yaml', import.meta.url)),
      );
      await plant.mustCli('certificate', 'issue', '--device', 'GW-01', '--out', plant.plan.gatewayPki);
      const edge = startProduct([...plant.plan.children.edge.args], {
        env: { MILLRACE_BUILD_CHECK: 'off', NODE_OPTIONS: `--import=${hooks}`, LIST_MODULES_FILE: list },
      });
      await edge.waitForLine(/"ready"/, 60_000);
      await edge.stop();
      const modules = loaded(list);
      expect(modules.some((url) => url.includes('packages/edge/dist/index.js'))).toBe(true);
      expect(modules.filter((url) => heavy.test(url))).toEqual([]);
    } finally {
      await plant.remove();
    }
  }, 120_000);

  test('help loads no verb at all', async () => {
    const dir = tempDir('modules');
    const list = join(dir.path, 'modules');
    await runProduct(['--help'], {
      env: { MILLRACE_BUILD_CHECK: 'off', NODE_OPTIONS: `--import=${hooks}`, LIST_MODULES_FILE: list },
    });
    const modules = loaded(list);
    expect(modules.some((url) => url.includes('packages/cli/dist/index.js'))).toBe(true);
    expect(
      modules.filter((url) => heavy.test(url) || /packages\/edge|cli\/dist\/work\/(up|edge|field)/.test(url)),
    ).toEqual([]);
    dir.remove();
  }, 60_000);
});
