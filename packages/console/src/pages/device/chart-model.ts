import { qualityName, qualityWords } from '../../api/quality';
import type { Break, QualityName, Series, Value } from '../../api/types';
import { duration } from '../../lib/format';

/** A stretch of time that a chart marks, ms. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly words: string;
}

export interface BreakStretch extends Stretch {
  readonly kind: 'gap' | 'silence';
}

export interface QualityStretch extends Stretch {
  readonly level: QualityName;
}

/** What one chart draws. Times ms; `null` lifts the pen. */
export interface ChartData {
  readonly t: number[];
  readonly mid: (number | null)[];
  readonly min: (number | null)[] | undefined;
  readonly max: (number | null)[] | undefined;
  readonly breaks: readonly BreakStretch[];
  readonly quality: readonly QualityStretch[];
}

/** A value as a height: switches are 0 and 1, texts have none. */
export function heightOf(value: Value | undefined): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  return typeof value === 'boolean' ? Number(value) : null;
}

/** Breaks with both ends and their cause in words; one that is still open reaches to `to`. */
export function breakStretches(breaks: readonly Break[], to: number): BreakStretch[] {
  return breaks.map((one) => {
    const from = new Date(one.from).getTime();
    const end = one.to === null ? to : new Date(one.to).getTime();
    const name = one.kind === 'gap' ? 'Gap' : 'Silence';
    const cause = one.cause ? one.cause.replaceAll('_', ' ') : 'cause not known';
    const detail = one.detail ? `; ${one.detail}` : '';
    return { kind: one.kind, from, to: end, words: `${name}, ${duration(end - from)}: ${cause}${detail}` };
  });
}

/** Turns an answer for one tag into what is drawn: no line crosses a break and none is drawn through a bad value. */
export function chartData(series: Series, breaks: readonly BreakStretch[], to: number): ChartData {
  const mid = series.avg
    ? series.avg.map((value) => value ?? null)
    : series.t.map((_, i) => (qualityName(series.q?.[i] ?? 192) === 'bad' ? null : heightOf(series.v?.[i])));
  const out = {
    t: [] as number[],
    mid: [] as (number | null)[],
    min: [] as (number | null)[],
    max: [] as (number | null)[],
  };
  const put = (at: number, value: number | null, min?: number | null, max?: number | null) => {
    out.t.push(at);
    out.mid.push(value);
    out.min.push(min ?? null);
    out.max.push(max ?? null);
  };
  const joined = joinedTo(series);
  series.t.forEach((at, i) => {
    const before = series.t[i - 1];
    const broken = before === undefined ? undefined : breaks.find((one) => one.from < at && one.to > before);
    const held = holdTo(joined, before, at, broken?.from);
    if (held !== undefined && typeof mid[i - 1] === 'number')
      put(held, mid[i - 1]!, series.min?.[i - 1], series.max?.[i - 1]);
    if (before !== undefined && (broken || (held !== undefined && held < at - 1)))
      put(((held ?? before) + at) / 2, null);
    out.t.push(at);
    out.mid.push(mid[i] ?? null);
    out.min.push(series.min?.[i] ?? null);
    out.max.push(series.max?.[i] ?? null);
  });
  hold(out, breaks, to);
  const envelope = series.min !== undefined && series.max !== undefined;
  return {
    t: out.t,
    mid: out.mid,
    min: envelope ? out.min : undefined,
    max: envelope ? out.max : undefined,
    breaks,
    quality: qualityStretches(series, to),
  };
}

/** How long a value holds without being said again: twice the longest interval of a source that reports on change, ms. */
const holdMs = 120_000;
/** Readings as close as this are joined by a line; further apart, a value is a step, ms. */
const joinedMs = 2_000;

/**
 * How far apart neighbours are joined by a line: intervals that follow each other are, and so are ones longer than a
 * source may be quiet; where shorter ones are left out, the value held, ms.
 */
function joinedTo({ t, avg }: Series): number {
  if (!avg) return joinedMs;
  const least = t.reduce((low, at, i) => (i === 0 ? low : Math.min(low, at - t[i - 1]!)), holdMs);
  return least * 2 > holdMs ? Number.POSITIVE_INFINITY : least * 1.5;
}

/** To when a value is drawn as a step: just before the next one, to a break, or as long as it holds. */
function holdTo(
  joined: number,
  before: number | undefined,
  at: number,
  broken: number | undefined,
): number | undefined {
  if (before === undefined || at - before <= joined) return undefined;
  return Math.max(before + 1, Math.min(at - 1, before + holdMs, broken ?? at));
}

/** A source that reports on change says nothing while a value stays: the last one holds to the end of the range. */
function hold(
  out: { t: number[]; mid: (number | null)[]; min: (number | null)[]; max: (number | null)[] },
  breaks: readonly BreakStretch[],
  to: number,
): void {
  const last = out.t.at(-1);
  const value = out.mid.at(-1);
  if (last === undefined || value === undefined || value === null) return;
  if (to <= last || to - last > holdMs || breaks.some((one) => one.to > last)) return;
  out.t.push(to);
  out.mid.push(value);
  out.min.push(out.min.at(-1) ?? null);
  out.max.push(out.max.at(-1) ?? null);
}

/** Neighbouring values of one quality as one stretch; good ones are left out. */
export function qualityStretches(series: Series, to: number): QualityStretch[] {
  const stretches: { from: number; to: number; level: QualityName; words: string }[] = [];
  series.t.forEach((at, i) => {
    const { level, words } = qualityAt(series, i);
    if (level === 'good') return;
    const end = series.t[i + 1] ?? to;
    const last = stretches.at(-1);
    if (last && last.to === at && last.words === words) last.to = end;
    else stretches.push({ from: at, to: end, level, words });
  });
  return stretches;
}

/** Quality of one point: of a raw value its own, of a bucket how many of its values were good. */
export function qualityAt(series: Series, i: number): { level: QualityName; words: string } {
  if (series.q) {
    const q = series.q[i] ?? 192;
    return { level: qualityName(q), words: qualityWords(q) };
  }
  const count = series.count?.[i] ?? 0;
  const good = series.good?.[i] ?? count;
  if (good >= count) return { level: 'good', words: 'good' };
  return {
    level: good === 0 ? 'bad' : 'uncertain',
    words: good === 0 ? 'no good values' : 'some values not good',
  };
}
