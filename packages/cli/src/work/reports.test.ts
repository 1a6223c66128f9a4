import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@millrace/testing';
import { describe, expect, test } from 'vitest';
import { ageText, textTable } from '../runtime/table.js';
import { readDeviceFile } from './device-file.js';
import { completenessText, fleetText } from './prove.js';
import { deviceProblems, statusText } from './status.js';

const summary = {
  devices: { total: 2, online: 1, stale: 0, offline: 1, never_seen: 0 },
  messages_per_s: 3.25,
  values_per_s: 12,
  data_delay_ms: { p50: 41.6, p99: 90 },
  gaps_open: 0,
  silences_open: 0,
  dead_letters_24h: 0,
};

describe('the reports for people', () => {
  test('status gives the processes, the fleet and what needs attention', () => {
    const text = statusText(
      {
        processes: [
          {
            role: 'edge',
            state: 'running',
            holder: { pid: 7, role: 'edge', started: '', version: '0.1.0' },
            detail: { outbox: { unsent: 12 }, uplink: { state: 'connecting' } },
          },
        ],
        summary,
        devices: [],
        problems: ['1 device(s) offline'],
      },
      0,
    );
    expect(text).toContain('uplink connecting, 12 waiting in the outbox');
    expect(text).toContain('2: 1 online');
    expect(text).toContain('! 1 device(s) offline');
  });

  test('a completeness report leads with its verdict', () => {
    const report = {
      expected: 1000,
      stored: 997,
      missing: 3,
      dead_lettered: 0,
      lost: 0,
      duplicates_refused: 4,
      ranges: [{ kind: 'gap', from_seq: 5, to_seq: 7, cause: 'link_down', evidence: 'uplink_lost' }],
    };
    const text = completenessText('P-101', 0, 60_000, report);
    expect(text).toContain('INCOMPLETE: 3 message(s) are not here');
    expect(text).toContain('5-7');
    const complete = { ...report, stored: 1000, missing: 0, ranges: [] };
    expect(completenessText('P-101', 0, 60_000, complete)).toContain('COMPLETE: every message');
    expect(completenessText('P-101', 0, 60_000, { ...complete, expected: 0, stored: 0 })).toContain(
      'NOTHING EXPECTED',
    );
  });

  test("the fleet's account tells the worst first and never rounds up", () => {
    const figures = { expected: 3_000_000, stored: 2_999_999, missing: 0, dead_lettered: 0, lost: 1 };
    const totals = {
      ...figures,
      duplicates_refused: 0,
      completeness: 2_999_999 / 3_000_000,
      devices: 2,
      reporting: 1,
      incomplete: 1,
    };
    const items = [
      { device_id: 'P-101', ...totals },
      { ...totals, device_id: 'P-102', expected: 0, completeness: null },
    ];
    const text = fleetText({ from: 'a', to: 'b', totals, items });
    expect(text).toContain('INCOMPLETE: 1 message(s) of 1 device(s) are not here');
    expect(text).toMatch(/P-101 +99\.999 %/);
    expect(text).not.toContain('100 %');
    expect(text).toMatch(/P-102 +-/);
  });

  test('tables line up, and an empty one says what to do', () => {
    expect(
      textTable(
        ['A', 'N'],
        [
          ['x', 5],
          ['yy', 10],
        ],
        '',
      ),
    ).toBe('A    N\nx    5\nyy  10\n');
    expect(textTable(['A'], [], 'Nothing here.')).toBe('Nothing here.\n');
    expect([1_000, 180_000, 7_200_000, 200_000_000].map(ageText)).toEqual(['1 s', '3 min', '2 h', '2 d']);
  });
});

describe('a file of devices', () => {
  test('is read as YAML, JSON and CSV alike', () => {
    const dir = tempDir('devices');
    const row = {
      device_id: 'P-1',
      device_type: 'centrifugal_pump',
      title: 'A, "B"',
      site: 's',
      area: 'a',
      line: 'l',
    };
    const files = {
      'd.json': JSON.stringify({ devices: [row] }),
      'd.yaml': `devices:\n  - ${JSON.stringify(row)}\n`,
      'd.csv': 'device_id,device_type,title,site,area,line\nP-1,centrifugal_pump,"A, ""B""",s,a,l\n',
    };
    for (const [name, text] of Object.entries(files)) {
      const path = join(dir.path, name);
      writeFileSync(path, text);
      expect(readDeviceFile(path), name).toEqual([row]);
    }
    dir.remove();
  });

  test('a wrong one is told with file and line', () => {
    const dir = tempDir('devices');
    const path = join(dir.path, 'd.csv');
    writeFileSync(path, 'device_id,device_type,site,area,line\nP-1,t,s,a,l\nP 2,t,s,a,l\n');
    expect(() => readDeviceFile(path)).toThrow(`${path}:3 devices[1].device_id`);
    dir.remove();
  });
});

test('names each dark device with its reason, and a bad sensor of a device that answers', () => {
  const device = { device_id: 'P-1', state: 'online', state_reason: null, worst_quality: null };
  const told = deviceProblems([
    device,
    { ...device, device_id: 'P-2', worst_quality: { q: 28, words: 'sensor failure', tag: 'pressure_bar' } },
    { ...device, device_id: 'P-3', worst_quality: { q: 68, words: 'sensor not accurate', tag: 'flow_m3h' } },
    { ...device, device_id: 'P-4', state: 'offline', state_reason: 'Its gateway GW-01 is offline.' },
  ] as unknown as Parameters<typeof deviceProblems>[0]);
  expect(told).toEqual([
    'P-4 is offline: Its gateway GW-01 is offline.',
    'P-2 pressure_bar is bad: sensor failure',
  ]);
});
