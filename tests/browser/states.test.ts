import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Scenario } from './fixture/plant.js';
import { type Fixture, startFixture } from './fixture/server.js';
import { expectAccessible, openBrowser, takePictures } from './support.js';

/** The console in states that the running product is not brought into: made-up answers, the real build. */
describe('the console in every state', () => {
  let context: BrowserContext;
  let close: () => Promise<void>;
  const fixtures = new Map<Scenario, Fixture>();

  beforeAll(async () => {
    ({ context, close } = await openBrowser());
  });
  // A page left open by a failed test would keep its connection for live data from the next one.
  afterEach(async () => {
    for (const page of context.pages().slice(1)) await page.close();
  });
  afterAll(async () => {
    await close?.();
    for (const fixture of fixtures.values()) await fixture.stop();
  });

  async function open(scenario: Scenario, path: string): Promise<Page> {
    if (!fixtures.has(scenario)) fixtures.set(scenario, await startFixture(scenario));
    const { url } = fixtures.get(scenario)!;
    await context.addCookies([{ name: 'fixture', value: '1', url }]);
    const page = await context.newPage();
    await page.goto(`${url}${path}`);
    return page;
  }

  test('an empty plant says what would fill it', async () => {
    const page = await open('empty', '/');
    await page.getByRole('heading', { name: 'No devices yet' }).waitFor();
    await expectAccessible(page, 'empty overview');
  });

  test('an error says what failed, why and what to do', async () => {
    const page = await open('errors', '/devices/P-101');
    await page.getByRole('heading', { name: 'The device could not be loaded' }).waitFor({ timeout: 15_000 });
    await page.getByText('The database does not answer.').first().waitFor();
    await page.getByRole('button', { name: 'Try again' }).first().waitFor();
    await expectAccessible(page, 'error');
  });

  test('a missing right is told apart from an error, and offers no retry', async () => {
    const page = await open('forbidden', '/');
    await page.getByRole('heading', { name: 'No permission' }).first().waitFor();
    expect(await page.getByRole('button', { name: 'Try again' }).count()).toBe(0);
    await expectAccessible(page, 'no permission');
  });

  test('without a session the sign-in page says how to get a link', async () => {
    const fixture = await startFixture('normal');
    const other = await openBrowser();
    const page = await other.context.newPage();
    await page.goto(`${fixture.url}/devices/P-101`);
    await page.getByText('npx millrace sign-in-link').waitFor();
    expect(new URL(page.url()).searchParams.get('next')).toBe('/devices/P-101');
    await expectAccessible(page, 'sign-in');
    await takePictures(page, 'sign-in');
    await other.close();
    await fixture.stop();
  });

  test('a lost link fades the values and says how old they are', async () => {
    const fixture = await startFixture('normal');
    await context.addCookies([{ name: 'fixture', value: '1', url: fixture.url }]);
    const page = await context.newPage();
    await page.goto(`${fixture.url}/devices/P-101`);
    await page.locator('.link-state[data-phase=live]').waitFor();
    await fixture.stop();
    await page.locator('.link-state[data-phase=lost]').waitFor();
    expect(await page.locator('.link-state').textContent()).toMatch(/Disconnected.*last data/);
    await page.waitForFunction(
      () => Number(getComputedStyle(document.querySelector('.live-value')!).opacity) < 0.5,
    );
  });

  test('ten thousand devices are a few rows in the page, and filter on the server', async () => {
    const page = await open('fleet', '/');
    await page.getByRole('link', { name: 'P-00001' }).waitFor();
    expect(await page.locator('[role=table] [role=row]').count()).toBeLessThan(60);
    expect(await page.locator('[role=treeitem]').count()).toBeLessThan(80);
    await page.getByRole('searchbox', { name: 'Filter devices' }).fill('P-09999');
    await page.getByRole('link', { name: 'P-09999' }).waitFor();
    await page.getByRole('combobox', { name: 'State' }).selectOption('offline');
    await page.getByRole('heading', { name: 'No device matches' }).waitFor();
  });

  test('keyboard alone finds a device, charts a value and reads it as a table', async () => {
    const page = await open('normal', '/');
    await page.getByRole('link', { name: 'P-102' }).waitFor();
    await page.keyboard.press('Control+k');
    await page.keyboard.type('Dead');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Dead letters', level: 1 }).waitFor();
    await page.getByRole('searchbox', { name: 'Filter the plant' }).focus();
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.getAttribute('role'))).toBe('tree');
    await page.keyboard.type('p-102');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'P-102', level: 1 }).waitFor();
    await page.getByRole('checkbox', { name: 'Chart Power' }).focus();
    await page.keyboard.press('Space');
    await page.locator('.chart-title', { hasText: 'Power' }).waitFor();
    await page.getByRole('button', { name: 'Table', exact: true }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('columnheader', { name: 'Power, kW' }).waitFor();
  });

  test('a dead letter is replayed and discarded only after a second click that says what happens', async () => {
    const page = await open('normal', '/dead-letters');
    await page.getByRole('link', { name: 'invalid json' }).first().click();
    const dialog = page.getByRole('dialog', { name: 'Dead letter' });
    await dialog.getByRole('button', { name: 'Discard\u2026' }).click();
    const last = dialog.getByRole('button', { name: 'Discard for good' });
    expect(await last.isDisabled()).toBe(true);
    await dialog.getByRole('textbox', { name: 'Why' }).fill('a bench test');
    expect(await last.isDisabled()).toBe(false);
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await dialog.getByRole('button', { name: 'Replay\u2026' }).click();
    await expectAccessible(page, 'a question before a replay');
    await dialog.getByRole('button', { name: 'Replay now' }).click();
    await dialog.getByText('Refused again; it stays kept.').waitFor();
  });

  test('the record tells the worst first, sorts and narrows on the server, and leads to the device by keyboard', async () => {
    const page = await open('normal', '/');
    await page.getByRole('link', { name: 'Record', exact: true }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Record', level: 1 }).waitFor();
    expect(new URL(page.url()).searchParams.get('range')).toBe('24h');
    const names = page.locator('[role=table] .device-link');
    await names.first().waitFor();
    expect(await names.first().textContent()).toBe('P-103');
    await page.getByRole('button', { name: 'Missing' }).focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Enter');
    await expect.poll(() => names.first().textContent()).toBe('P-101');
    await page.getByRole('combobox', { name: 'Which devices' }).selectOption('incomplete');
    await expect.poll(() => names.count()).toBe(2);
    await names.first().focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Record of P-101' }).waitFor();
    await page
      .getByRole('img', { name: /Record of P-101: Lost: 1 time.*Gap, still missing: 1 time/ })
      .waitFor();
    expect(new URL(page.url()).searchParams.get('range')).toBe('24h');
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'CSV' }).click(),
    ]);
    expect(file.suggestedFilename()).toMatch(/^record-P-101-.*\.csv$/);
  });

  test('a record prints as a statement on A4 with who, what, when and how, and nothing of the screen', async () => {
    const page = await open('normal', '/devices/P-101/record?range=24h');
    await page.getByRole('region', { name: 'Gaps and silences' }).waitFor();
    await page.getByRole('table').first().waitFor();
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    const statement = page.locator('.statement');
    await statement.waitFor({ state: 'visible' });
    const text = (await statement.textContent())!;
    for (const part of [
      'Riverton Water',
      'P-101',
      'by Operator',
      'Not complete: 12 messages',
      'Method',
      'outbox_full',
    ])
      expect(text).toContain(part);
    for (const hidden of ['.sidebar', '.top-bar', '.device-record > .list'])
      expect(await page.locator(hidden).first().isVisible()).toBe(false);
    const pdf = await page.pdf({ format: 'A4', preferCSSPageSize: true });
    expect(pdf.length).toBeGreaterThan(10_000);
    await page.setViewportSize({ width: 794, height: 1123 });
    await page.screenshot({ path: 'var/screenshots/statement-device.png', fullPage: true });
  });

  test.each([
    ['overview', '/', 'Devices'],
    ['device', '/devices/P-103', 'Values now'],
    ['device-day', '/devices/T-201?range=24h', 'Values now'],
    ['gaps', '/devices/P-101?view=gaps', 'Values now'],
    ['table', '/devices/P-103?view=table', 'Values now'],
    ['dead-letters', '/dead-letters', 'Dead letters'],
    ['events', '/events', 'Events'],
    ['record', '/record?range=24h', 'Record'],
    ['device-record', '/devices/P-101/record?range=24h', 'Gaps and silences'],
  ])('axe finds nothing on %s, light and dark, and its pictures are kept', async (name, path, landmark) => {
    const page = await open('normal', path);
    await page.getByRole('region', { name: landmark }).waitFor();
    await page.locator('[role=table], .chart canvas').first().waitFor();
    await expectAccessible(page, `${name}, light`);
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.waitForFunction(() => document.documentElement.dataset.theme === 'dark');
    await expectAccessible(page, `${name}, dark`);
    await takePictures(page, name);
  });
});
