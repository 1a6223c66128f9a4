import { deviceTypes, latestContract } from '@millrace/contracts';
import { type Random, seededRandom } from '@millrace/foundation';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { headerHead, networkFlow, pumpFlow } from './hydraulics.js';
import { waterPumpingStationMap } from './map.js';
import { initialPlant, stepPlant } from './model.js';
import { parameters as p } from './parameters.js';
import { waterPumpingStation } from './plant.js';
import { readSensors } from './sensors.js';
import { type PlantState, RunState } from './state.js';

const anyPlant = fc
  .record({
    seed: fc.integer({ min: 0, max: 2 ** 31 }),
    timeS: fc.integer({ min: 1.6e9, max: 2e9 }),
    level: fc.double({ min: 0, max: p.tankHeightM, noNaN: true }),
  })
  .map(({ seed, timeS, level }) => {
    const random = seededRandom(seed);
    const state = initialPlant(timeS, random);
    return { random, state: { ...state, tank: { ...state.tank, volumeM3: level * p.tankAreaM2 } } };
  });

function tankError(before: PlantState, after: PlantState, dtS: number): number {
  const passed = ((after.tank.inflowM3h - after.tank.outflowM3h) * dtS) / 3600;
  const spilled = after.tank.overflowM3 - before.tank.overflowM3;
  return Math.abs(after.tank.volumeM3 - before.tank.volumeM3 - passed + spilled);
}

function run(state: PlantState, seconds: number, random: Random): PlantState {
  return stepPlant(state, seconds, random);
}

describe('the hydraulics', () => {
  it('balance: the pumps deliver what the network draws at the header head', () => {
    const speed = fc.double({ min: 0.62, max: 1, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(speed, { minLength: 1, maxLength: 3 }),
        fc.double({ min: 1, max: 6, noNaN: true }),
        fc.double({ min: 50, max: 500, noNaN: true }),
        (speeds, level, demand) => {
          const head = headerHead(speeds, level, demand);
          const supply = speeds.reduce((sum, n) => sum + pumpFlow(n, head, level), 0);
          expect(supply).toBeCloseTo(networkFlow(head, demand), 1);
        },
      ),
    );
  });

  it('follow the affinity laws: at half the speed, half the flow against a quarter of the head', () => {
    expect(pumpFlow(0.5, 10, 0)).toBeCloseTo(pumpFlow(1, 40, 0) / 2, 9);
    expect(pumpFlow(1, 80, 0)).toBe(0);
  });
});

describe('the plant', () => {
  it('loses and invents no water', () => {
    fc.assert(
      fc.property(anyPlant, ({ state, random }) => {
        let now = state;
        for (let s = 0; s < 120; s++) {
          const next = stepPlant(now, 1, random);
          expect(tankError(now, next, 1)).toBeLessThan(1e-9);
          now = next;
        }
      }),
      { numRuns: 15 },
    );
  });

  it('stays inside the limits of every contract and inside physics, whatever level it starts from', () => {
    const limits = new Map(
      [...waterPumpingStationMap.modbus, ...waterPumpingStationMap.opcua.devices].map((d) => [
        d.deviceId,
        latestContract(deviceTypes.get(d.deviceType)!).tags,
      ]),
    );
    fc.assert(
      fc.property(anyPlant, fc.integer({ min: 1, max: 1800 }), ({ state, random }, seconds) => {
        const after = run(state, seconds, random);
        expect(after.tank.volumeM3).toBeGreaterThanOrEqual(0);
        expect(after.tank.volumeM3).toBeLessThanOrEqual(p.tankAreaM2 * p.tankHeightM);
        expect(after.meter.energyKwh).toBeGreaterThan(state.meter.energyKwh);
        const readings = readSensors(after, random);
        for (const [deviceId, tags] of limits)
          for (const tag of tags) {
            const value = readings[deviceId]?.[tag.name];
            expect(typeof value, `${deviceId}.${tag.name}`).toBe(
              tag.type === 'boolean' ? 'boolean' : 'number',
            );
            const [low, high] = tag.limits ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
            if (tag.type === 'boolean') continue;
            expect(value, tag.name).toBeGreaterThanOrEqual(low);
            expect(value, tag.name).toBeLessThanOrEqual(high);
          }
      }),
      { numRuns: 20 },
    );
  });

  it('is repeated exactly by the same seed and start', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const day = () => {
          const random = seededRandom(seed);
          const state = run(initialPlant(1.8e9, random), 1800, random);
          return { state, readings: readSensors(state, random) };
        };
        expect(day()).toEqual(day());
      }),
      { numRuns: 5 },
    );
    const of = (seed: number) => initialPlant(1.8e9, seededRandom(seed)).meter.energyKwh;
    expect(of(1)).not.toBe(of(2));
  });

  it('runs a sane day: pressure kept, tank within its levels, pumps started and stopped by demand', () => {
    const random = seededRandom(3);
    let state = initialPlant(1.8e9, random);
    const running = new Set<number>();
    for (let minute = 0; minute < 1440; minute += 5) {
      state = run(state, 300, random);
      running.add(state.pumps.filter((pump) => pump.runState === RunState.running).length);
      const level = state.tank.volumeM3 / p.tankAreaM2;
      expect(level).toBeGreaterThan(1.5);
      expect(level).toBeLessThan(5);
      for (const pump of state.pumps.filter((x) => x.runState === RunState.running && x.inStateS > 120)) {
        expect(pump.dischargeBar).toBeGreaterThan(4);
        expect(pump.dischargeBar).toBeLessThan(6);
        expect(pump.flowM3h).toBeGreaterThan(40);
        expect(pump.powerKw).toBeGreaterThan(5);
        expect(pump.powerKw).toBeLessThan(60);
        expect(pump.vibrationMms).toBeLessThan(4.5);
      }
    }
    expect(running.size).toBeGreaterThan(1);
    expect(running.has(0)).toBe(false);
  });

  it('stops auto pumps when the tank runs dry and starts them again above the restart level', () => {
    const random = seededRandom(5);
    const start = initialPlant(1.8e9, random);
    const dry = { ...start, tank: { ...start.tank, volumeM3: 0.55 * p.tankAreaM2, inflowM3h: 0 } };
    const stopped = run(dry, 20, random);
    expect(stopped.pumps.map((pump) => pump.runState)).toEqual([0, 0, 0]);
    expect(readSensors(stopped, random)['T-201']).toMatchObject({ low_level_switch: true });
    const again = run(stopped, 1500, random);
    expect(again.pumps.some((pump) => pump.runState === RunState.running)).toBe(true);
  });

  it('cavitates at low level: a pump by hand shakes more, and wears faster', () => {
    const random = seededRandom(6);
    const start = initialPlant(1.8e9, random);
    const at = (levelM: number) => {
      let state: PlantState = { ...start, tank: { ...start.tank, volumeM3: levelM * p.tankAreaM2 } };
      state = waterPumpingStation.command(state, 'P-101', 'speed_setpoint_rpm', 2700)!;
      state = waterPumpingStation.command(state, 'P-101', 'run_command', 1)!;
      return run(state, 40, seededRandom(9)).pumps[0]!;
    };
    expect(at(0.7).vibrationMms).toBeGreaterThan(at(3).vibrationMms + 1);
    expect(at(0.7).wear).toBeGreaterThan(at(3).wear);
  });

  it('trips a hot bearing, stays tripped, and runs again after a reset', () => {
    const random = seededRandom(8);
    let state = waterPumpingStation.command(initialPlant(1.8e9, random), 'P-102', 'run_command', 1)!;
    state = run(state, 20, random);
    state = {
      ...state,
      pumps: state.pumps.map((pump, i) => (i === 1 ? { ...pump, bearingC: 130 } : pump)),
    };
    state = run(state, 60, random);
    expect(state.pumps[1]!.runState).toBe(RunState.tripped);
    expect(state.pumps[1]!.speedRpm).toBe(0);
    state = {
      ...state,
      pumps: state.pumps.map((pump, i) => (i === 1 ? { ...pump, bearingC: 40 } : pump)),
    };
    state = waterPumpingStation.command(state, 'P-102', 'run_command', 0)!;
    state = waterPumpingStation.command(state, 'P-102', 'run_command', 1)!;
    expect(run(state, 20, random).pumps[1]!.runState).toBe(RunState.running);
  });

  it('takes its own state back from JSON, and nothing else', () => {
    const state = initialPlant(1.8e9, seededRandom(1));
    expect(waterPumpingStation.restore(JSON.parse(JSON.stringify(state)))).toEqual(state);
    for (const bad of [null, 5, [], {}, { ...state, meter: {} }, { ...state, pumps: state.pumps.slice(1) }])
      expect(waterPumpingStation.restore(bad)).toBeUndefined();
  });
});

describe('the map', () => {
  it('covers every tag of each device type once, on registers of its own', () => {
    for (const device of waterPumpingStationMap.modbus) {
      const tags = latestContract(deviceTypes.get(device.deviceType)!).tags.map((tag) => tag.name);
      expect(device.points.map((point) => point.tag).sort()).toEqual([...tags].sort());
      const taken = [
        ...device.points.flatMap((point) => {
          const width = { int64: 4, uint64: 4, float64: 4, int32: 2, uint32: 2, float32: 2 } as Record<
            string,
            number
          >;
          return Array.from(
            { length: width[point.type] ?? 1 },
            (_, i) => `${point.table} ${point.address + i}`,
          );
        }),
        ...device.commands.map((command) => `${command.table} ${command.address}`),
      ];
      expect(new Set(taken).size).toBe(taken.length);
    }
    for (const device of waterPumpingStationMap.opcua.devices) {
      const tags = latestContract(deviceTypes.get(device.deviceType)!).tags.map((tag) => tag.name);
      expect(device.points.map((point) => point.tag)).toEqual(tags);
    }
  });
});
