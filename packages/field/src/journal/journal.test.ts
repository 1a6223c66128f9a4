import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger } from '@millrace/foundation';
import { ManualClock, tempDir, waitFor } from '@millrace/testing';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createJournal, type JournalEntry, journalLine, parseJournalLine } from './journal.js';

const entry = (n: number): JournalEntry => ({
  tsMs: 1_790_000_000_000 + n,
  deviceId: 'P-101',
  tag: 'flow_m3h',
  value: n,
  quality: 192,
  protocol: 'modbus',
  client: '40000',
});

const numbers = (file: string) =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => parseJournalLine(line)?.value);

it('brings any entry back from its line, and nothing from half a line', () => {
  const any = fc.record<JournalEntry>({
    tsMs: fc.nat(),
    deviceId: fc.string(),
    tag: fc.string(),
    value: fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.constant(null)),
    quality: fc.integer({ min: 0, max: 255 }),
    protocol: fc.constantFrom('modbus', 'opcua'),
    client: fc.string(),
  });
  fc.assert(
    fc.property(any, fc.nat(), (e, cut) => {
      const line = journalLine(e);
      expect(line.indexOf('\n')).toBe(line.length - 1);
      expect(JSON.stringify(parseJournalLine(line))).toBe(JSON.stringify(e));
      expect(parseJournalLine(line.slice(0, cut % (line.length - 1)))).toBeUndefined();
    }),
  );
});

it('writes what was appended within 100 ms, and the rest when it stops', async () => {
  const dir = tempDir('journal');
  const clock = new ManualClock();
  const file = join(dir.path, 'deep', 'j.ndjson');
  const journal = createJournal({ file, clock, logger: silentLogger });
  await journal.start();
  journal.append(entry(1));
  journal.append(entry(2));
  expect(statSync(file).size).toBe(0);
  clock.advance(100);
  await waitFor(() => statSync(file).size > 0);
  expect(numbers(file)).toEqual([1, 2]);
  journal.append(entry(3));
  await journal.stop();
  await journal.stop();
  expect(numbers(file)).toEqual([1, 2, 3]);
  expect(clock.pendingTimers).toBe(0);
  dir.remove();
});

it('keeps a bounded number of files, the newest entries last', async () => {
  const dir = tempDir('journal');
  const file = join(dir.path, 'j.ndjson');
  const journal = createJournal({
    file,
    clock: new ManualClock(),
    logger: silentLogger,
    fileBytesMax: 100,
    filesMax: 3,
  });
  await journal.start();
  for (let n = 0; n < 10; n++) {
    journal.append(entry(n));
    journal.append(entry(n + 0.5));
    await journal.flush();
  }
  await journal.stop();
  expect([`${file}.2`, `${file}.1`, file].flatMap(numbers)).toEqual([7, 7.5, 8, 8.5, 9, 9.5]);
  expect(existsSync(`${file}.3`)).toBe(false);
  expect(journal.dropped).toBe(0);
  dir.remove();
});

it('says which file it cannot write', async () => {
  const dir = tempDir('journal');
  const journal = createJournal({ file: dir.path, clock: new ManualClock(), logger: silentLogger });
  await expect(journal.start()).rejects.toMatchObject({
    code: 'data_dir_unwritable',
    message: expect.stringContaining(dir.path),
  });
  dir.remove();
});
