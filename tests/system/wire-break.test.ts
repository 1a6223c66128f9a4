import { waitFor } from '@millrace/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestPlant } from './support/plant.js';

interface Latest {
  readonly latest: Readonly<Record<string, { v: unknown; q: number; quality: string; words: string }>>;
}

describe('a fault in the field, seen through the API', () => {
  let plant: TestPlant;
  beforeAll(async () => {
    plant = await TestPlant.create();
    await plant.startAll();
  }, 180_000);
  afterAll(() => plant?.remove());

  const pressure = async () => (await plant.api<Latest>('/v1/devices/P-101')).latest.pressure_bar;

  test('a pulled wire is Bad with its reason within 3 s, never a zero, and clears', async () => {
    await waitFor(async () => (await pressure())?.quality === 'good', {
      timeoutMs: 30_000,
      what: 'good pressure',
    });
    await plant.mustCli('field', 'fault', 'P-101', 'wire-break');
    const broken = await waitFor(
      async () => {
        const now = await pressure();
        return now?.quality === 'bad' ? now : undefined;
      },
      { timeoutMs: 3_000, what: 'Bad quality within 3 s' },
    );
    expect(broken).toMatchObject({ q: 28, words: 'sensor failure' });
    expect(broken.v).not.toBe(0);
    await plant.mustCli('field', 'fault', 'P-101', 'wire-break', '--clear');
    await waitFor(async () => (await pressure())?.quality === 'good', {
      timeoutMs: 10_000,
      what: 'good again',
    });
  });
});
