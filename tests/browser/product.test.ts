import { freePortBase, type ProductProcess, runProduct, startProduct, tempDir } from '@millrace/testing';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectAccessible, openBrowser, takePictures } from './support.js';

/** A person at the running product: the demo's plant, gateway and platform, and a browser. */
describe('the console of the running product', () => {
  const data = tempDir('browser');
  let base = 0;
  let product: ProductProcess;
  let context: BrowserContext;
  let close: () => Promise<void>;
  let page: Page;

  beforeAll(async () => {
    base = await freePortBase();
    product = startProduct(['demo', '--port-base', String(base), '--data', data.path]);
    ({ context, close } = await openBrowser());
    page = await context.newPage();
  });
  afterAll(async () => {
    await close?.();
    await product?.stop();
    data.remove();
  }, 60_000);

  const row = (tag: string) => page.locator(`.live-row[data-tag=${tag}]`);
  const fault = async (...args: string[]) => {
    const result = await runProduct([
      'field',
      'fault',
      ...args,
      '--port-base',
      String(base),
      '--data',
      data.path,
    ]);
    expect(result.stderr, result.stdout).toBe('');
    expect(result.code).toBe(0);
  };

  test('signs in by the link of the banner, and the token leaves the address', {
    timeout: 120_000,
  }, async () => {
    const line = await product.waitForLine(/\/sign-in[?#]/, 100_000);
    const link = /https?:\/\/\S+\/sign-in[?#][^\s"]+/.exec(line)![0];
    await page.goto(link);
    await page.getByRole('heading', { name: 'Overview' }).waitFor({ timeout: 15_000 });
    expect(page.url()).toBe(`http://127.0.0.1:${base}/`);
    await page.getByRole('link', { name: 'P-101' }).waitFor({ timeout: 30_000 });
  });

  test('shows live values that change', { timeout: 60_000 }, async () => {
    await page.getByRole('link', { name: 'P-101' }).first().click();
    await row('pressure_bar').locator('.live-value .number').waitFor();
    // Flow moves with every few polls; a steady pressure may rightly stay within its deadband for a minute.
    const read = () => row('flow_m3h').locator('.live-value').textContent();
    const seen = new Set<string | null>();
    await expect
      .poll(async () => seen.add(await read()).size, { timeout: 30_000, interval: 200 })
      .toBeGreaterThanOrEqual(3);
    await page.locator('.chart canvas').first().waitFor();
    await expectAccessible(page, 'live device');
    await takePictures(page, 'product-device');
  });

  test('shows a pulled wire as Bad with its reason within 3 s, never as a number, and its mending', {
    timeout: 60_000,
  }, async () => {
    await fault('P-101', 'wire-break');
    const pulled = page.locator('.live-row[data-level=bad]');
    await pulled.first().waitFor({ timeout: 3_000 });
    expect(await pulled.first().textContent()).toContain('Bad, sensor failure');
    expect(await pulled.first().locator('.live-value').textContent()).not.toMatch(/\d/);
    await takePictures(page, 'product-fault');
    await fault('P-101', 'wire-break', '--clear');
    await pulled.first().waitFor({ state: 'detached', timeout: 15_000 });
  });

  test('axe finds nothing on the overview, the record, the events and the dead letters', {
    timeout: 60_000,
  }, async () => {
    for (const [path, name] of [
      ['/', 'Devices'],
      ['/record', 'Record'],
      ['/events', 'Events'],
      ['/dead-letters', 'Dead letters'],
    ] as const) {
      await page.goto(`http://127.0.0.1:${base}${path}`);
      await page.getByRole('region', { name, exact: true }).waitFor();
      await page.locator('[role=table], .note').first().waitFor();
      await expectAccessible(page, path);
      await takePictures(page, `product-${name.toLowerCase().replace(' ', '-')}`);
    }
  });

  test('signs out and does not come back without a new link', { timeout: 30_000 }, async () => {
    await page.getByRole('button', { name: /settings$/ }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('You are signed out.').waitFor();
    await page.goto(`http://127.0.0.1:${base}/`);
    await page.getByText('npx millrace sign-in-link').waitFor();
  });
});
