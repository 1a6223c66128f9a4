import { Quality } from '@millrace/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyFaults, driftOf, type Fault, faultKinds, faultTargets, tagsOf } from './faults.js';
import { waterPumpingStationMap as map } from './plants/water-pumping-station/map.js';

const tags = tagsOf('centrifugal_pump');
const readings = Object.fromEntries(tags.map((tag, i) => [tag.name, tag.type === 'int32' ? 1 : 10 + i]));
const fault = (kind: Fault['kind'], names: string[], more: Partial<Fault> = {}): Fault => ({
  deviceId: 'P-101',
  kind,
  tags: names,
  sinceMs: 0,
  ...more,
});
const serve = (faults: Fault[], nowMs = 0) => applyFaults('P-101', tags, readings, faults, nowMs);

describe('faultTargets', () => {
  it.each([
    ['P-101', 'wire-break', undefined, ['pressure_bar']],
    ['T-201', 'wire-break', undefined, ['level_m']],
    ['EM-301', 'drift', undefined, ['voltage_v']],
    ['P-103', 'wire-break', 'bearing_temp_c', ['bearing_temp_c']],
    ['T-201', 'stuck', 'high_level_switch', ['high_level_switch']],
    ['P-102', 'power-loss', undefined, []],
  ])('%s %s %s strikes %j', (deviceId, kind, tag, expected) => {
    expect(faultTargets(map, deviceId, kind, tag)).toEqual({ kind, tags: expected });
  });

  it.each([
    ['P-999', 'stuck', undefined, 'not_found', 'P-101, P-102, EM-301, P-103, T-201'],
    ['P-101', 'fire', undefined, 'invalid_argument', faultKinds.join(', ')],
    ['P-101', 'drift', 'nonsense', 'invalid_argument', 'temp_inlet_c, temp_outlet_c, pressure_bar'],
    ['P-101', 'wire-break', 'run_state', 'invalid_argument', 'choose one of'],
    ['P-101', 'power-loss', 'pressure_bar', 'invalid_argument', 'leave out the tag'],
  ])('%s %s %s is refused, with the choice there is', (deviceId, kind, tag, code, words) => {
    expect(() => faultTargets(map, deviceId, kind, tag)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(words) }),
    );
  });
});

describe('applyFaults', () => {
  it('serves the truth, good, without a fault or with one elsewhere', () => {
    const other = { ...fault('power-loss', []), deviceId: 'P-102' };
    for (const faults of [[], [other]])
      for (const [tag, served] of Object.entries(serve(faults)))
        expect(served).toEqual({ value: readings[tag], quality: Quality.good });
  });

  it('marks a broken wire on its tag alone, and everything without power', () => {
    const broken = serve([fault('wire-break', ['pressure_bar'])]);
    expect(broken.pressure_bar!.quality).toBe(28);
    expect(Object.values(broken).filter((s) => s.quality !== 192)).toHaveLength(1);
    const dark = serve([fault('power-loss', []), fault('wire-break', ['pressure_bar'])]);
    expect(Object.values(dark).every((s) => s.quality === 24)).toBe(true);
  });

  it('repeats what a stuck tag showed, in good quality', () => {
    const stuck = serve([fault('stuck', ['flow_m3h'], { frozen: { flow_m3h: 3.5 } })], 1e6);
    expect(stuck.flow_m3h).toEqual({ value: 3.5, quality: 192 });
  });

  it('drifts 5 % of the range a minute, never back and never beyond half the range', () => {
    expect(serve([fault('drift', ['pressure_bar'])], 60_000).pressure_bar!.value).toBeCloseTo(
      Number(readings.pressure_bar) + 0.5,
      9,
    );
    fc.assert(
      fc.property(fc.nat(1e8), fc.nat(1e8), (a, b) => {
        const [early, late] = [Math.min(a, b), Math.max(a, b)];
        expect(driftOf([0, 10], 0, late)).toBeGreaterThanOrEqual(driftOf([0, 10], 0, early));
        expect(driftOf([0, 10], 0, late)).toBeLessThanOrEqual(5);
      }),
    );
  });

  it('gives a tag without reading no quality', () => {
    expect(applyFaults('P-101', tags, {}, [], 0).flow_m3h).toEqual({ value: 0, quality: 0 });
  });
});
