import type { Series, Tag } from '../../api/types';
import type { LiveValue } from '../../live/feed';
import { heightOf } from './chart-model';

/** Where a value stands in its range: the normal band behind, a pointer on it. Outside normal the pointer changes shape and colour. */
export function AnalogBar({ tag, value }: { tag: Tag; value: number | null }) {
  const range = tag.range;
  if (!range) return null;
  const place = (v: number) => Math.min(100, Math.max(0, (100 * (v - range[0])) / (range[1] - range[0])));
  const normal = tag.normal;
  const outside = value !== null && normal !== undefined && (value < normal[0] || value > normal[1]);
  return (
    <span className="analog" aria-hidden="true">
      <svg viewBox="0 0 100 16" preserveAspectRatio="none" aria-hidden="true">
        <rect className="analog-track" x="0" y="6" width="100" height="6" />
        {normal ? (
          <rect
            className="analog-band"
            x={place(normal[0])}
            y="6"
            width={place(normal[1]) - place(normal[0])}
            height="6"
          />
        ) : null}
      </svg>
      {value === null ? null : (
        <span className="analog-pointer" data-outside={outside} style={{ left: `${place(value)}%` }} />
      )}
    </span>
  );
}

/** Outside the normal band, in words, or nothing. */
export function deviation(tag: Tag, value: number | null): string | undefined {
  if (value === null || !tag.normal) return undefined;
  if (value > tag.normal[1]) return 'above normal';
  return value < tag.normal[0] ? 'below normal' : undefined;
}

interface SparklineProps {
  readonly series: Series | undefined;
  readonly live: readonly LiveValue[];
  readonly breaks: readonly { readonly from: number; readonly to: number }[];
  readonly tag: Tag;
  readonly from: number;
  readonly to: number;
}

/** Ten minutes of a value, 96 by 24; the pen lifts at breaks and bad values. */
export function Sparkline({ series, live, breaks, tag, from, to }: SparklineProps) {
  const past = (series?.t ?? []).map((t, i) => ({ t, v: series?.avg?.[i] ?? heightOf(series?.v?.[i]) }));
  const lastPast = past.at(-1)?.t ?? 0;
  const points = [
    ...past,
    ...live
      .filter((one) => one.ts > lastPast)
      .map((one) => ({ t: one.ts, v: one.q < 64 ? null : heightOf(one.v) })),
  ].filter((point) => point.t >= from);
  const heights = points.flatMap((point) => (point.v === null ? [] : [point.v]));
  if (heights.length < 2) return <svg className="sparkline" viewBox="0 0 96 24" aria-hidden="true" />;
  const least = tag.range ? (tag.range[1] - tag.range[0]) * 0.02 : 1e-9;
  const low = Math.min(...heights);
  const span = Math.max(Math.max(...heights) - low, least);
  const base = low - (span - (Math.max(...heights) - low)) / 2;
  let pen = false;
  let before = 0;
  let path = '';
  for (const { t, v } of points) {
    if (breaks.some((one) => one.from < t && one.to > before)) pen = false;
    before = t;
    if (v === null) {
      pen = false;
      continue;
    }
    const x = (96 * (t - from)) / (to - from);
    const y = 22 - (20 * (v - base)) / span;
    path += `${pen ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = true;
  }
  return (
    <svg className="sparkline" viewBox="0 0 96 24" aria-hidden="true">
      <path d={path} />
    </svg>
  );
}
