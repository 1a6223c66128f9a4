import type uPlot from 'uplot';
import { clockTime, dayTime, decimalsFor, measured } from '../../lib/format';
import type { ChartProps } from './chart';
import type { ChartData } from './chart-model';

interface Drawing {
  readonly current: () => ChartProps;
  readonly envelope: boolean;
  readonly width: number;
  readonly height: number;
  readonly onRead: (text: string) => void;
}

function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Up to this many values each is marked. */
const pointsShownMax = 40;

const font = '11px "Inter Variable", system-ui, sans-serif';

/** uPlot's options for one tag: grey line, envelope, normal band, breaks and a strip of quality. */
export function chartOptions(drawing: Drawing): uPlot.Options {
  const trend = color('--trend');
  const hidden: uPlot.Series = { stroke: 'transparent', width: 0, points: { show: false } };
  return {
    width: drawing.width,
    height: drawing.height,
    legend: { show: false },
    padding: [8, 20, 0, 0],
    cursor: {
      sync: { key: 'device' },
      drag: { x: true, y: false, setScale: false },
      y: false,
      points: { size: 7, fill: trend },
    },
    scales: { x: { time: true }, y: { range: (_, low, high) => valueRange(drawing.current(), low, high) } },
    axes: axes(drawing),
    series: [
      {},
      {
        stroke: trend,
        width: 1.5,
        spanGaps: false,
        // Few readings are shown as such, so that one alone is seen at all.
        points: {
          show: (_, __, first, last) => last - first < pointsShownMax,
          size: 4,
          fill: trend,
          width: 0,
        },
      },
      ...(drawing.envelope ? [hidden, hidden] : []),
    ],
    ...(drawing.envelope ? { bands: [{ series: [2, 3], fill: color('--envelope') }] } : {}),
    hooks: {
      drawClear: [(plot) => drawUnder(plot, drawing.current())],
      draw: [(plot) => drawQuality(plot, drawing.current().data)],
      setCursor: [(plot) => drawing.onRead(readout(plot, drawing.current()))],
      setSelect: [
        (plot) => {
          if (plot.select.width < 4) return;
          const from = plot.posToVal(plot.select.left, 'x') * 1000;
          const to = plot.posToVal(plot.select.left + plot.select.width, 'x') * 1000;
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          drawing.current().onZoom(from, to);
        },
      ],
    },
  };
}

function axes(drawing: Drawing): uPlot.Axis[] {
  const line = { stroke: color('--line'), width: 1 };
  const shared = { stroke: color('--text-2'), font, grid: line, ticks: { ...line, size: 4 } };
  return [
    {
      ...shared,
      size: 24,
      gap: 4,
      space: 96,
      values: (_, splits) => {
        const long = drawing.current().to - drawing.current().from > 36 * 3_600_000;
        const seconds = drawing.current().to - drawing.current().from < 300_000;
        return splits.map((s) =>
          long ? dayTime(s * 1000).slice(0, -3) : clockTime(s * 1000).slice(0, seconds ? 8 : 5),
        );
      },
    },
    {
      ...shared,
      size: 56,
      gap: 6,
      space: 32,
      values: (_, splits) => {
        const step = Math.abs((splits[1] ?? 1) - (splits[0] ?? 0));
        const decimals = Math.max(0, Math.min(4, -Math.floor(Math.log10(step || 1) + 1e-9)));
        return splits.map((value) => measured(value, decimals));
      },
    },
  ];
}

/** Room around the values, and never so close that noise looks like events: at least 2 % of the tag's range. */
function valueRange({ tag }: ChartProps, low: number | null, high: number | null): [number, number] {
  if (tag.type === 'boolean') return [-0.1, 1.1];
  if (low === null || high === null) return [tag.range?.[0] ?? 0, tag.range?.[1] ?? 1];
  const least = tag.range ? (tag.range[1] - tag.range[0]) * 0.02 : Math.abs(high) * 0.01 || 1;
  const pad = Math.max((high - low) * 0.15, (least - (high - low)) / 2, least * 0.1);
  return [low - pad, high + pad];
}

function drawUnder(plot: uPlot, { tag, data }: ChartProps): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  if (tag.normal && plot.scales.y?.min !== undefined) {
    const top = plot.valToPos(tag.normal[1], 'y', true);
    const bottom = plot.valToPos(tag.normal[0], 'y', true);
    ctx.globalAlpha = 0.28;
    ctx.fillStyle = color('--band');
    ctx.fillRect(bbox.left, top, bbox.width, bottom - top);
    ctx.globalAlpha = 1;
  }
  for (const one of data.breaks) {
    const left = plot.valToPos(one.from / 1000, 'x', true);
    const right = Math.max(left + 2, plot.valToPos(one.to / 1000, 'x', true));
    hatch(plot, left, right, one.kind === 'gap' ? color('--uncertain') : color('--mark'));
  }
  ctx.restore();
}

/** A break is hatched from edge to edge: a gap (numbers missing) in amber, a silence in grey. */
function hatch(plot: uPlot, left: number, right: number, stroke: string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, bbox.top, right - left, bbox.height);
  ctx.clip();
  ctx.strokeStyle = stroke;
  ctx.globalAlpha = 0.45;
  ctx.lineWidth = devicePixelRatio;
  const step = 7 * devicePixelRatio;
  ctx.beginPath();
  for (let x = left - bbox.height; x < right; x += step) {
    ctx.moveTo(x, bbox.top + bbox.height);
    ctx.lineTo(x + bbox.height, bbox.top);
  }
  ctx.stroke();
  ctx.restore();
}

/** A strip at the foot of the chart wherever values were not good. */
function drawQuality(plot: uPlot, data: ChartData): void {
  const { ctx, bbox } = plot;
  const height = 5 * devicePixelRatio;
  ctx.save();
  for (const one of data.quality) {
    const left = Math.max(bbox.left, plot.valToPos(one.from / 1000, 'x', true));
    const right = Math.min(bbox.left + bbox.width, plot.valToPos(one.to / 1000, 'x', true));
    if (right <= bbox.left || left >= bbox.left + bbox.width) continue;
    ctx.fillStyle = color(one.level === 'bad' ? '--bad' : '--uncertain');
    ctx.fillRect(left, bbox.top + bbox.height - height, Math.max(devicePixelRatio, right - left), height);
  }
  ctx.restore();
}

/** What is under the cursor in words: time, value, envelope and quality, or the break and its cause. */
export function readout(plot: uPlot, { tag, data }: ChartProps): string {
  const { left, idx } = plot.cursor;
  if (left === undefined || left < 0) return '';
  const at = plot.posToVal(left, 'x') * 1000;
  const broken = data.breaks.find((one) => one.from <= at && one.to >= at);
  if (broken) return `${clockTime(at)}  ${broken.words}`;
  if (idx === null || idx === undefined) return '';
  const value = data.mid[idx];
  const time = data.t[idx] ?? at;
  const quality = data.quality.find((one) => one.from <= time && one.to > time);
  const decimals = decimalsFor(tag.range);
  const words = quality ? `  ${quality.words}` : '';
  if (value === null || value === undefined) return quality ? `${clockTime(time)}${words}` : '';
  const state = tag.states?.[String(value)];
  const low = data.min?.[idx];
  const high = data.max?.[idx];
  const spread =
    typeof low === 'number' && typeof high === 'number'
      ? `  (${measured(low, decimals)} to ${measured(high, decimals)})`
      : '';
  return `${clockTime(time)}  ${state ?? measured(value, decimals)} ${tag.unit}${spread}${words}`;
}
