import type { JournalEntry } from '@millrace/field';
import { describe, expect, test } from 'vitest';
import { reconcile } from './reconcile.js';

const served = (tsMs: number, value: number): JournalEntry => ({
  tsMs,
  deviceId: 'P-1',
  tag: 'x',
  value,
  quality: 192,
  protocol: 'modbus',
  client: '1',
});
const stored = (tsMs: number, value: number) => ({ tsMs, value, q: 192 });
const rule = { deadband: 1, slackMs: 100 };

describe('the reconciliation of journal and table can fail', () => {
  const journal = [served(0, 10), served(1000, 10.5), served(2000, 20), served(3000, 30), served(4000, 30.2)];

  test('it accepts what the deadband held back', () => {
    const result = reconcile(journal, [stored(10, 10), stored(2010, 20), stored(3010, 30)], rule, []);
    expect(result).toMatchObject({ served: 5, lost: [], invented: [], excused: 0 });
  });

  test('it finds a value that was served and is not stored', () => {
    const result = reconcile(journal, [stored(10, 10), stored(3010, 30)], rule, []);
    expect(result.lost.map((entry) => entry.tsMs)).toEqual([2000]);
    const excuse = reconcile(journal, [stored(10, 10), stored(3010, 30)], rule, [
      { fromMs: 1900, toMs: 2100 },
    ]);
    expect(excuse).toMatchObject({ lost: [], excused: 1 });
  });

  test('it finds a value that nobody served, a made-up zero for one', () => {
    const result = reconcile(
      journal,
      [stored(10, 10), stored(1500, 0), stored(2010, 20), stored(3010, 30)],
      rule,
      [],
    );
    expect(result.invented).toEqual([stored(1500, 0)]);
  });
});
