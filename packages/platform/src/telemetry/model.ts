import { MillraceError } from '@millrace/foundation';

/** Readings a raw page holds at most. */
export const rawRowsMax = 5_000;
/** Intervals an answer holds at most. */
export const intervalsMax = 20_000;
/** A raw question must not span more; intervals serve longer ones. */
export const rawSpanMsMax = 31 * 86_400_000;

const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** Lengths that `auto` chooses from, ms. */
const ladder = [1, 5, 10, 30, 60, 300, 600, 1_800, 3_600, 10_800, 21_600, 86_400].map((s) => s * 1000);

/**
 * The length of intervals in ms; 0 = raw. `auto` takes the shortest of a fixed ladder that keeps to `maxPoints`.
 * Throws `invalid_argument` saying what to ask instead.
 */
export function chooseInterval(interval: string, fromMs: number, toMs: number, maxPoints: number): number {
  const span = toMs - fromMs;
  if (interval === 'raw') {
    if (span > rawSpanMsMax)
      throw new MillraceError(
        'invalid_argument',
        'A raw range may span 31 days at most: shorten it, or ask for interval=auto.',
      );
    return 0;
  }
  if (interval === 'auto')
    return (
      ladder.find((length) => span / length <= maxPoints) ??
      Math.ceil(span / maxPoints / 86_400_000) * 86_400_000
    );
  const found = /^([1-9]\d{0,5})([smhd])$/.exec(interval);
  if (found === null)
    throw new MillraceError(
      'invalid_argument',
      `interval "${interval}" must be raw, auto, or a length such as 10s, 1m, 1h or 1d.`,
    );
  const length = Number(found[1]) * units[found[2]!]!;
  if (span / length > intervalsMax)
    throw new MillraceError(
      'invalid_argument',
      `interval ${interval} gives more than ${intervalsMax} points in this range: use auto or a longer one.`,
    );
  return length;
}

/** `10s`, `5m`, `2h` or `1d`: the largest unit that fits. */
export function intervalName(ms: number): string {
  if (ms === 0) return 'raw';
  for (const unit of ['d', 'h', 'm'] as const)
    if (ms % units[unit]! === 0) return `${ms / units[unit]!}${unit}`;
  return `${ms / 1000}s`;
}
