import type { Random } from '@millrace/foundation';
import { nextRunState, selectedPumps, stepController } from './controller.js';
import { demandFactor, efficiency, headerHead, pumpFlow, shaftPowerKw } from './hydraulics.js';
import { barPerMetre, parameters as p } from './parameters.js';
import { type PlantState, type PumpState, RunState } from './state.js';

const daySeconds = 86_400;

/** First-order approach of `value` to `target` with time constant `tauS`, exact for any step. */
function toward(value: number, target: number, tauS: number, dtS: number): number {
  return target + (value - target) * Math.exp(-dtS / tauS);
}

/** Air temperature (°C): warmest at 15 h UTC. */
function ambientC(timeS: number): number {
  return 16 + 6 * Math.cos((2 * Math.PI * ((timeS % daySeconds) / 3600 - 15)) / 24);
}

/** Flow (m3/h) the town asks for at the reference pressure. */
export function demandM3h(state: PlantState): number {
  return p.meanDemand * demandFactor((state.timeS % daySeconds) / 3600) * (1 + state.demandNoise);
}

interface Drive {
  readonly run: boolean;
  readonly setpointRpm: number;
}

/** How the motor and starter of one pump move on. */
function stepDrive(pump: PumpState, drive: Drive, levelM: number, dtS: number) {
  const runState = nextRunState(pump, drive.run, levelM);
  const target = runState === RunState.running || runState === RunState.starting ? drive.setpointRpm : 0;
  const speed = toward(pump.speedRpm, target, target > pump.speedRpm ? 3 : 5, dtS);
  return {
    runState,
    inStateS: runState === pump.runState ? pump.inStateS + dtS : 0,
    setpointRpm: drive.setpointRpm,
    speedRpm: speed < 1 ? 0 : speed,
  };
}

/** How hard a pump cavitates, 0 to 1: suction head short of what the speed needs. */
function cavitation(levelM: number, n: number): number {
  return n < 0.3 ? 0 : Math.min(1, Math.max(0, (p.cavitationLevelM - levelM) / p.cavitationLevelM));
}

/** Power, temperatures, vibration and wear that follow from speed and flow. */
function stepCondition(
  pump: PumpState,
  now: ReturnType<typeof stepDrive> & { flowM3h: number; dischargeBar: number; liftM: number },
  state: PlantState,
  dtS: number,
): PumpState {
  const n = now.speedRpm / p.nominalRpm;
  const levelM = state.tank.volumeM3 / p.tankAreaM2;
  const ambient = ambientC(state.timeS);
  const cav = cavitation(levelM, n);
  const shaftKw = n > 0 ? shaftPowerKw(now.flowM3h, now.liftM, n) * (1 + 0.15 * pump.wear) : 0;
  const inletTarget = n > 0.1 ? state.tank.tempC : toward(state.tank.tempC, ambient, 1, 0.3);
  const inletC = toward(pump.inletC, inletTarget, n > 0.1 ? 20 : 1800, dtS);
  // What the pump does not turn into head warms the water: dT = P (1 - eta) / (rho c Q).
  const lossKw = shaftKw * (1 - efficiency(now.flowM3h, n));
  const riseC = n > 0.1 ? Math.min(25, lossKw / (4.19 * Math.max(now.flowM3h / 3.6, 0.4))) : 0;
  const outletC = toward(pump.outletC, n > 0.1 ? inletC + riseC : ambient, n > 0.1 ? 30 : 1800, dtS);
  const offBest = n > 0.1 ? Math.abs(now.flowM3h / (p.bestFlow * n) - 1) : 0;
  const vibration = n * n * (1.1 + 0.8 * offBest + 7 * pump.wear + 6 * cav);
  const bearingTarget = ambient + n * n * 32 * (1 + 1.6 * pump.wear + 0.4 * cav);
  return {
    ...pump,
    runState: now.runState,
    inStateS: now.inStateS,
    setpointRpm: now.setpointRpm,
    speedRpm: now.speedRpm,
    flowM3h: now.flowM3h,
    dischargeBar: now.dischargeBar,
    powerKw: shaftKw / p.motorEfficiency,
    inletC,
    outletC,
    bearingC: toward(pump.bearingC, bearingTarget, 900, dtS),
    vibrationMms: toward(pump.vibrationMms, vibration, 2, dtS),
    // About 12,000 h of clean running to the end of a bearing's life; cavitation eats it many times faster.
    wear: Math.min(1, pump.wear + (n > 0.1 ? (dtS / 3600 / 12_000) * (1 + 40 * cav) : 0)),
    runHours: pump.runHours + (now.runState === RunState.running ? dtS / 3600 : 0),
  };
}

/** Mass and heat balance of the tank; flows are what really passed, so volume change equals in - out - spilled. */
function stepTank(state: PlantState, pumpedM3h: number, dtS: number): PlantState['tank'] {
  const was = state.tank;
  const levelM = was.volumeM3 / p.tankAreaM2;
  const filling = levelM < p.fillOpenM || (was.filling && levelM < p.fillCloseM);
  const inflowM3h = toward(was.inflowM3h, filling ? p.fillFlow : 0, 25, dtS);
  const inM3 = (inflowM3h * dtS) / 3600;
  const outM3 = Math.min((pumpedM3h * dtS) / 3600, was.volumeM3 + inM3);
  const full = p.tankAreaM2 * p.tankHeightM;
  const before = was.volumeM3 + inM3 - outM3;
  const volumeM3 = Math.min(full, before);
  const mixed = was.tempC + ((p.sourceTempC - was.tempC) * inM3) / Math.max(1, was.volumeM3 + inM3);
  return {
    volumeM3,
    inflowM3h,
    outflowM3h: (outM3 / dtS) * 3600,
    tempC: toward(mixed, ambientC(state.timeS), 2 * daySeconds, dtS),
    filling,
    overflowM3: was.overflowM3 + Math.max(0, before - full),
  };
}

function stepMeter(state: PlantState, pumpsKw: number, dtS: number, random: Random): PlantState['meter'] {
  const was = state.meter;
  const powerKw = pumpsKw + p.auxiliaryKw;
  const frequency =
    was.frequencyHz + (50 - was.frequencyHz) * 0.02 * dtS + 0.004 * Math.sqrt(dtS) * random.gaussian();
  const voltageTarget = 233 - powerKw * 0.03;
  return {
    powerKw,
    energyKwh: was.energyKwh + (powerKw * dtS) / 3600,
    frequencyHz: Math.min(50.4, Math.max(49.6, frequency)),
    voltageV: toward(was.voltageV, voltageTarget, 5, dtS),
    powerFactor: toward(was.powerFactor, Math.min(0.93, 0.78 + powerKw / 400), 5, dtS),
  };
}

/** One step of at most one second. */
function stepOnce(state: PlantState, dtS: number, random: Random): PlantState {
  const levelM = state.tank.volumeM3 / p.tankAreaM2;
  const controller = stepController(state, dtS);
  const selected = selectedPumps(state, controller.dry ? 0 : controller.wanted);
  const drives = state.pumps.map((pump, i) =>
    stepDrive(
      pump,
      pump.auto
        ? { run: selected.has(i), setpointRpm: controller.speedRatio * p.nominalRpm }
        : { run: pump.runCommand, setpointRpm: pump.setpointRpm },
      levelM,
      dtS,
    ),
  );
  const speeds = drives.map((drive) => drive.speedRpm / p.nominalRpm);
  const noise = toward(state.demandNoise, 0, 600, dtS) + 0.0025 * Math.sqrt(dtS) * random.gaussian();
  const demandNoise = Math.min(0.25, Math.max(-0.25, noise));
  const demand = demandM3h({ ...state, demandNoise });
  const head = headerHead(speeds, levelM, demand);
  const pumps = state.pumps.map((pump, i) => {
    const n = speeds[i]!;
    const flowM3h = levelM > 0.02 ? pumpFlow(n, head, levelM) : 0;
    // A pump that delivers stands at header pressure; one shut behind its check valve shows its own head.
    const discharge = flowM3h > 0 ? head : p.pumpHeadA * n * n + levelM;
    return stepCondition(
      pump,
      { ...drives[i]!, flowM3h, dischargeBar: discharge * barPerMetre, liftM: discharge - levelM },
      state,
      dtS,
    );
  });
  return {
    timeS: state.timeS + dtS,
    pumps,
    tank: stepTank(
      state,
      pumps.reduce((sum, pump) => sum + pump.flowM3h, 0),
      dtS,
    ),
    controller,
    headerHeadM: head,
    demandNoise,
    meter: stepMeter(
      state,
      pumps.reduce((sum, pump) => sum + pump.powerKw, 0),
      dtS,
      random,
    ),
  };
}

/**
 * The plant `dtS` seconds later (in parts of at most one second, for the loops' stability). Pure but for the draws
 * it takes from `random`: equal state, time and seed give an equal result.
 */
export function stepPlant(state: PlantState, dtS: number, random: Random): PlantState {
  let next = state;
  for (let left = dtS; left > 1e-9; left -= 1) next = stepOnce(next, Math.min(1, left), random);
  return next;
}

function newPump(seconds: number, random: Random): PumpState {
  return {
    runState: RunState.stopped,
    inStateS: 0,
    auto: true,
    runCommand: false,
    setpointRpm: 2600,
    speedRpm: 0,
    flowM3h: 0,
    dischargeBar: 0.3,
    powerKw: 0,
    inletC: 14,
    outletC: 14,
    bearingC: ambientC(seconds),
    vibrationMms: 0,
    wear: 0.05 + 0.15 * random.next(),
    runHours: 3000 + random.next() * 4000,
  };
}

/** A station that has been running for half an hour at `timeS` (Unix seconds). */
export function initialPlant(timeS: number, random: Random): PlantState {
  const settleS = 1800;
  const start: PlantState = {
    timeS: timeS - settleS,
    pumps: p.pumpIds.map(() => newPump(timeS, random)),
    tank: {
      volumeM3: p.tankAreaM2 * (3 + random.next()),
      inflowM3h: 0,
      outflowM3h: 0,
      tempC: 14,
      filling: false,
      overflowM3: 0,
    },
    controller: { speedRatio: 0.9, wanted: 2, stagingS: 0, dry: false },
    headerHeadM: 5,
    demandNoise: 0,
    meter: {
      powerKw: 0,
      energyKwh: 180_000 + random.next() * 50_000,
      frequencyHz: 50,
      voltageV: 231,
      powerFactor: 0.9,
    },
  };
  const settled = stepPlant(start, settleS, random);
  return { ...settled, timeS };
}
