import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger } from '@millrace/foundation';
import { ManualClock, type TempDir, tempDir } from '@millrace/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createField } from '../field.js';
import { waterPumpingStationMap as plant } from '../plants/water-pumping-station/map.js';
import { parseTime, splitLine } from './csv.js';
import { createPlayer } from './player.js';

let dir: TempDir;
const path = (name: string) => join(dir.path, name);

const mapText = `
separator: ';'
timestamp: when
devices:
  P-101:
    pressure_bar: { column: p }
    flow_m3h: { column: q lpm, factor: 0.06, offset: 1 }
    run_state: { value: 1 }
`;

const csvText = `\uFEFFwhen;p;q lpm;unused
2020-02-08 13:30:47;1.5;100;x
2020-02-08 13:30:48;1.6;;x
not a time;9;9;x
2020-02-08 13:30:40;9;9;x

2020-02-08 13:30:50;1.8;300;x
`;

beforeAll(() => {
  dir = tempDir('replay');
  writeFileSync(path('map.yaml'), mapText);
  writeFileSync(path('rec.csv'), csvText);
});
afterAll(() => dir.remove());

const player = (more = {}) => createPlayer({ file: path('rec.csv'), map: path('map.yaml'), ...more }, plant);

describe('the CSV reader', () => {
  it('splits quoted cells', () => {
    expect(splitLine('a,"b,""c""",,d', ',')).toEqual(['a', 'b,"c"', '', 'd']);
  });

  it.each([
    ['2020-02-08 13:30:47', Date.UTC(2020, 1, 8, 13, 30, 47)],
    ['2020-02-08T13:30:47.250+01:00', Date.UTC(2020, 1, 8, 12, 30, 47, 250)],
    ['1581168647', 1_581_168_647_000],
    ['1581168647123', 1_581_168_647_123],
    ['yesterday', undefined],
  ])('reads the time %s', (text, expected) => {
    expect(parseTime(text)).toBe(expected);
  });
});

describe('the player', () => {
  it('holds each row until the next is due, converts units, and skips what it cannot use', async () => {
    const p = await player();
    await p.open();
    const at = (ms: number) => p.readingsAt(ms)?.['P-101'];
    expect(at(0)).toEqual({ pressure_bar: 1.5, flow_m3h: 7, run_state: 1 });
    expect(at(999)?.pressure_bar).toBe(1.5);
    expect(at(1000)).toEqual({ pressure_bar: 1.6, run_state: 1 });
    expect(at(2999)?.pressure_bar).toBe(1.6);
    expect(at(3000)).toEqual({ pressure_bar: 1.8, flow_m3h: 19, run_state: 1 });
    expect(at(1e9)?.pressure_bar).toBe(1.8);
    expect(p.status()).toMatchObject({ rows: 3, skippedRows: 2, ended: true });
    p.close();
  });

  it('goes faster by the factor, and begins again when it loops', async () => {
    const p = await player({ speed: 10, loop: true });
    await p.open();
    expect(p.readingsAt(100)?.['P-101']?.pressure_bar).toBe(1.6);
    expect(p.readingsAt(300)?.['P-101']?.pressure_bar).toBe(1.8);
    expect(p.readingsAt(400)?.['P-101']?.pressure_bar).toBe(1.5);
    expect(p.status().ended).toBe(false);
    p.close();
  });

  it.each([
    ['a missing recording', { file: '/nowhere.csv' }, 'config_unreadable', '/nowhere.csv'],
    ['a missing map', { map: '/nowhere.yaml' }, 'config_unreadable', '/nowhere.yaml'],
    ['a speed of 0', { speed: 0 }, 'invalid_argument', 'above 0'],
  ])('refuses %s with one clear sentence', async (_name, more, code, words) => {
    const attempt = player(more).then((p) => p.open());
    await expect(attempt).rejects.toMatchObject({ code, message: expect.stringContaining(words) });
  });

  it.each([
    ['an unknown device', 'X-1: { pressure_bar: { column: p } }', 'has no device X-1'],
    ['an unknown tag', 'P-101: { pressure: { column: p } }', 'has no tag pressure'],
    ['no source', 'P-101: { pressure_bar: { factor: 2 } }', 'needs either a column or a value'],
    ['an unknown column', 'P-101: { pressure_bar: { column: nope } }', 'has no column "nope"'],
    ['an unknown key', 'P-101: { pressure_bar: { colum: p } }', 'colum'],
  ])('refuses a map with %s', async (_name, devices, words) => {
    writeFileSync(path('bad.yaml'), `separator: ';'\ntimestamp: when\ndevices:\n  ${devices}\n`);
    const attempt = player({ map: path('bad.yaml') }).then((p) => p.open());
    await expect(attempt).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining(words),
    });
  });
});

it('serves a recording through the same field, faults included, and goes back to the model', async () => {
  const clock = new ManualClock();
  const field = createField({
    plant: 'water-pumping-station',
    seed: 1,
    clock,
    logger: silentLogger,
    modbusPort: 0,
    opcuaPort: 0,
    pkiDir: path('pki'),
    replay: { file: path('rec.csv'), map: path('map.yaml') },
  });
  await field.start();
  const tags = (id: string) => field.status().devices.find((d) => d.deviceId === id)!.tags;
  clock.advance(1000);
  expect(tags('P-101').pressure_bar).toEqual({ value: 1.6, quality: 192 });
  expect(tags('P-101').flow_m3h!.quality).toBe(0);
  expect(tags('T-201').level_m!.quality).toBe(0);
  field.fault('P-101', 'wire-break');
  expect(tags('P-101').pressure_bar!.quality).toBe(28);
  await field.replay(undefined);
  clock.advance(1000);
  expect(field.status().source).toBe('model');
  expect(tags('T-201').level_m!.quality).toBe(192);
  await field.stop();
});
