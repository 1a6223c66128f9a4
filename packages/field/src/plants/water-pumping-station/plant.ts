import type { Random } from '@millrace/foundation';
import type { CommandName } from '../map-types.js';
import type { Plant } from '../plant.js';
import { waterPumpingStationMap } from './map.js';
import { initialPlant, stepPlant } from './model.js';
import { parameters as p } from './parameters.js';
import { readSensors } from './sensors.js';
import { type PlantState, type PumpState, RunState } from './state.js';

const pumpIndex = (deviceId: string) => (p.pumpIds as readonly string[]).indexOf(deviceId);

function commanded(pump: PumpState, command: CommandName, value: number): PumpState | undefined {
  switch (command) {
    case 'auto':
      return { ...pump, auto: value !== 0, runCommand: pump.runState === RunState.running };
    case 'run_command': {
      const reset = value === 0 && pump.runState === RunState.tripped;
      return {
        ...pump,
        auto: false,
        runCommand: value !== 0,
        ...(reset ? { runState: RunState.stopped, inStateS: 0 } : {}),
      };
    }
    case 'speed_setpoint_rpm':
      if (!(value >= p.minRpm && value <= p.nominalRpm)) return undefined;
      // The pump keeps doing what it does, at the new speed, under the operator's hand.
      return {
        ...pump,
        auto: false,
        runCommand: pump.auto
          ? pump.runState === RunState.running || pump.runState === RunState.starting
          : pump.runCommand,
        setpointRpm: value,
      };
  }
}

function sameShape(sample: unknown, value: unknown): boolean {
  if (typeof sample !== 'object' || sample === null)
    return typeof sample === typeof value && (typeof value !== 'number' || Number.isFinite(value));
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(sample).every(([key, member]) =>
    sameShape(member, (value as Record<string, unknown>)[key]),
  );
}

const still: Random = { next: () => 0, int: () => 0, gaussian: () => 0 };
/** A state to compare the shape of a kept one with; made when it is first needed, as it takes a moment. */
let sampleState: PlantState | undefined;
const sample = () => {
  sampleState ??= initialPlant(0, still);
  return sampleState;
};

/** A water pumping station: three pumps, a tank, an energy meter. */
export const waterPumpingStation: Plant<PlantState> = {
  map: waterPumpingStationMap,
  initialState: initialPlant,
  step: stepPlant,
  read: readSensors,
  command(state, deviceId, command, value) {
    const index = pumpIndex(deviceId);
    const pump = state.pumps[index];
    const next = pump && commanded(pump, command, value);
    return next && { ...state, pumps: state.pumps.map((other, i) => (i === index ? next : other)) };
  },
  readBack(state, deviceId, command) {
    const pump = state.pumps[pumpIndex(deviceId)];
    if (!pump) return 0;
    if (command === 'auto') return Number(pump.auto);
    if (command === 'speed_setpoint_rpm') return pump.setpointRpm;
    return Number(pump.auto ? pump.runState === RunState.running : pump.runCommand);
  },
  timeS: (state) => state.timeS,
  at: (state, timeS) => ({ ...state, timeS }),
  restore: (json) => (sameShape(sample(), json) ? (json as PlantState) : undefined),
};
