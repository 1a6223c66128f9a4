import { barPerMetre, parameters as p } from './parameters.js';
import { type PlantState, type PumpState, RunState } from './state.js';

type Controller = PlantState['controller'];

const clamp = (x: number, low: number, high: number) => Math.min(high, Math.max(low, x));

/**
 * The station controller: an integral pressure loop on the common speed, one pump more or fewer when the speed has
 * stayed at its end for a while, and dry-run protection with hysteresis on the tank level.
 */
export function stepController(state: PlantState, dtS: number): Controller {
  const was = state.controller;
  const level = state.tank.volumeM3 / p.tankAreaM2;
  const dry = level < p.lowSwitchM || (was.dry && level < p.restartLevelM);
  const error = p.pressureSetpointBar - state.headerHeadM * barPerMetre;
  const speedRatio = clamp(was.speedRatio + 0.006 * clamp(error, -2, 2) * dtS, 0.62, 1);
  const wish = speedRatio >= 0.985 && error > 0.15 ? 1 : speedRatio <= 0.84 && was.wanted > 1 ? -1 : 0;
  const stagingS =
    wish === 0 ? 0 : wish > 0 ? Math.max(0, was.stagingS) + dtS : Math.min(0, was.stagingS) - dtS;
  const ready = wish > 0 ? stagingS > 45 : stagingS < -240;
  if (wish === 0 || !ready) return { speedRatio, wanted: was.wanted, stagingS, dry };
  // A pump more at the same speed would overshoot; the loop restarts from a lower speed, and the other way round.
  const next = clamp(was.wanted + wish, 1, p.pumpIds.length);
  return { speedRatio: wish > 0 ? 0.9 : 0.95, wanted: next, stagingS: 0, dry };
}

/** Which pumps the controller wants running: those already turning first, then the fewest run hours. */
export function selectedPumps(state: PlantState, wanted: number): ReadonlySet<number> {
  const order = state.pumps
    .map((pump, index) => ({ pump, index }))
    .filter(({ pump }) => pump.auto && pump.runState !== RunState.tripped)
    .sort(
      (a, b) =>
        Number(b.pump.runState !== RunState.stopped) - Number(a.pump.runState !== RunState.stopped) ||
        a.pump.runHours - b.pump.runHours,
    );
  const byHand = state.pumps.filter((pump) => !pump.auto && pump.runState === RunState.running).length;
  return new Set(order.slice(0, Math.max(0, wanted - byHand)).map(({ index }) => index));
}

/** Starter logic of one pump: command in, run state out, protections first. */
export function nextRunState(pump: PumpState, run: boolean, levelM: number): PumpState['runState'] {
  if (pump.runState === RunState.tripped) return RunState.tripped;
  const turning = pump.runState !== RunState.stopped;
  const hot = pump.bearingC > p.bearingTripC || pump.vibrationMms > p.vibrationTripMms;
  // The hard-wired dry-run relay acts below the float switch, in auto and by hand alike.
  if (turning && (hot || levelM < p.lowSwitchM / 2)) return RunState.tripped;
  if (!run) return RunState.stopped;
  if (!turning) return RunState.starting;
  return pump.runState === RunState.starting && pump.inStateS < 8 ? RunState.starting : RunState.running;
}
