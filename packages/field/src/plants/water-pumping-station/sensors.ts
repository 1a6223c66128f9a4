import type { Random } from '@millrace/foundation';
import type { Readings } from '../plant.js';
import { parameters as p } from './parameters.js';
import type { PlantState } from './state.js';

/** What the instruments show at this instant: true values with each sensor's noise (one standard deviation). */
export function readSensors(state: PlantState, random: Random): Readings {
  const noisy = (value: number, sigma: number) => value + sigma * random.gaussian();
  const positive = (value: number, sigma: number) => (value > 0 ? Math.max(0, noisy(value, sigma)) : 0);
  const readings: Record<string, Record<string, number | boolean>> = {};
  state.pumps.forEach((pump, i) => {
    readings[p.pumpIds[i]!] = {
      temp_inlet_c: noisy(pump.inletC, 0.05),
      temp_outlet_c: noisy(pump.outletC, 0.05),
      pressure_bar: noisy(pump.dischargeBar, 0.012),
      flow_m3h: positive(pump.flowM3h, 0.6),
      vibration_rms_mms: Math.abs(noisy(pump.vibrationMms, 0.02 + 0.03 * pump.vibrationMms)),
      power_kw: positive(pump.powerKw, 0.08),
      speed_rpm: positive(pump.speedRpm, 1.2),
      bearing_temp_c: noisy(pump.bearingC, 0.05),
      run_state: pump.runState,
      run_hours: pump.runHours,
    };
  });
  const { tank, meter } = state;
  const levelM = tank.volumeM3 / p.tankAreaM2;
  const shownLevelM = Math.max(0, noisy(levelM, 0.004));
  readings['T-201'] = {
    level_m: shownLevelM,
    volume_m3: shownLevelM * p.tankAreaM2,
    inflow_m3h: positive(tank.inflowM3h, 0.7),
    outflow_m3h: positive(tank.outflowM3h, 0.7),
    temp_c: noisy(tank.tempC, 0.03),
    high_level_switch: levelM > p.highSwitchM,
    low_level_switch: levelM < p.lowSwitchM,
  };
  const voltageV = noisy(meter.voltageV, 0.25);
  const powerKw = positive(meter.powerKw, 0.1);
  const powerFactor = Math.min(1, noisy(meter.powerFactor, 0.002));
  readings['EM-301'] = {
    voltage_v: voltageV,
    current_a: (powerKw * 1000) / (3 * voltageV * powerFactor),
    power_kw: powerKw,
    power_factor: powerFactor,
    frequency_hz: noisy(meter.frequencyHz, 0.002),
    energy_kwh: meter.energyKwh,
  };
  return readings;
}
