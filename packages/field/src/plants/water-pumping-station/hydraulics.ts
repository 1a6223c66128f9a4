import { parameters as p } from './parameters.js';

/** Flow (m3/h) of one pump at speed ratio `n` against `head` (m), suction under `level` (m); a check valve stops reverse flow. */
export function pumpFlow(n: number, head: number, level: number): number {
  // Affinity laws: Q ~ n, H ~ n^2, so H = a n^2 - b Q^2 with the same b.
  const lift = p.pumpHeadA * n * n + level - head;
  return lift > 0 ? Math.sqrt(lift / p.pumpCurveB) : 0;
}

/** Flow (m3/h) the network draws at header head `head` when it would draw `demand` at the reference head. */
export function networkFlow(head: number, demand: number): number {
  const over = head - p.staticHead;
  return over > 0 ? demand * Math.sqrt(over / (p.referenceHead - p.staticHead)) : 0;
}

/**
 * The header head (m) at which the pumps deliver what the network draws. Supply falls and draw rises with head, so
 * the crossing is unique and bisection finds it.
 */
export function headerHead(speeds: readonly number[], level: number, demand: number): number {
  let low = 0;
  let high = p.pumpHeadA * 1.2 + p.tankHeightM;
  for (let i = 0; i < 26; i++) {
    const head = (low + high) / 2;
    const supply = speeds.reduce((sum, n) => sum + pumpFlow(n, head, level), 0);
    if (supply > networkFlow(head, demand)) low = head;
    else high = head;
  }
  return (low + high) / 2;
}

/** Pump efficiency (0.2 to best) at flow `q` and speed ratio `n`: a parabola around the scaled best point. */
export function efficiency(q: number, n: number): number {
  const best = p.bestFlow * Math.max(n, 0.05);
  const off = (q - best) / best;
  return Math.max(0.2, p.bestEfficiency * (1 - off * off));
}

/** Shaft power (kW) at flow `q` (m3/h), lift `h` (m) and speed ratio `n`, disc friction at no flow included. */
export function shaftPowerKw(q: number, h: number, n: number): number {
  const hydraulic = (9.81 * (q / 3600) * Math.max(0, h)) / efficiency(q, n);
  return hydraulic + 4 * n * n * n;
}

/** Demand factor (mean about 1) over the day, `hour` 0 to 24 local time: a morning and an evening peak. */
export function demandFactor(hour: number): number {
  const peak = (at: number, width: number) => {
    const away = Math.min(Math.abs(hour - at), 24 - Math.abs(hour - at));
    return Math.exp(-((away / width) ** 2));
  };
  return 0.62 + 0.75 * peak(7.5, 2.2) + 0.65 * peak(19, 3) + 0.3 * peak(13, 3.5);
}
