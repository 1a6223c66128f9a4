/** A pulse total: what the hardware counter showed last, and all pulses seen since the total began. */
export interface PulseTotal {
  readonly lastCount: number;
  readonly pulses: number;
}

/**
 * Adds what a wrapping hardware counter moved since the last look. `rollover` is the number of distinct counts (65536
 * for 16 bits). A counter that fell by more than half its span has wrapped; one that fell by less was reset, and
 * then the pulses since the reset are what it shows now.
 */
export function advancePulses(before: PulseTotal | undefined, count: number, rollover: number): PulseTotal {
  if (before === undefined) return { lastCount: count, pulses: count };
  const moved = count - before.lastCount;
  if (moved >= 0) return { lastCount: count, pulses: before.pulses + moved };
  const wrapped = moved + rollover;
  return { lastCount: count, pulses: before.pulses + (wrapped <= rollover / 2 ? wrapped : count) };
}
