import { type KeyboardEvent, useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { Tag } from '../../api/types';
import { decimalsFor, measured, tagLabel } from '../../lib/format';
import { useTheme } from '../../lib/preferences';
import type { ChartData } from './chart-model';
import { chartOptions } from './chart-options';

export interface ChartProps {
  readonly tag: Tag;
  readonly data: ChartData;
  readonly from: number;
  readonly to: number;
  readonly onZoom: (from: number, to: number) => void;
}

const chartHeight = 148;

/** The columns that uPlot draws: time in seconds, the line, and for buckets its envelope. */
function columns(data: ChartData): uPlot.AlignedData {
  const t = data.t.map((ms) => ms / 1000);
  return data.min && data.max ? [t, data.mid, data.max, data.min] : [t, data.mid];
}

/** The axis shows what was asked for, not only where there are values. */
function showRange(plot: uPlot, { from, to }: { from: number; to: number }): void {
  plot.setScale('x', { min: from / 1000, max: to / 1000 });
}

/** One tag over time. The cursor is shared with the page's other charts. */
export function Chart(props: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const said = useRef<HTMLOutputElement>(null);
  const plot = useRef<uPlot>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const theme = useTheme();
  const envelope = props.data.min !== undefined;
  // biome-ignore lint/correctness/useExhaustiveDependencies: colours are read when drawn, so the theme rebuilds it
  useEffect(() => {
    const element = box.current!;
    const options = chartOptions({
      current: () => latest.current,
      envelope,
      width: element.clientWidth,
      height: chartHeight,
      onRead: (text) => {
        if (said.current) said.current.textContent = text;
      },
    });
    const made = new uPlot(options, columns(latest.current.data), element);
    plot.current = made;
    showRange(made, latest.current);
    const resized = new ResizeObserver(() =>
      made.setSize({ width: element.clientWidth, height: chartHeight }),
    );
    resized.observe(element);
    // A canvas drawn before the face has come keeps the fallback's letters until it is drawn again.
    void document.fonts.ready.then(() => {
      if (plot.current === made) made.redraw(false);
    });
    return () => {
      resized.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [envelope, theme, props.tag.name]);
  useEffect(() => {
    const made = plot.current;
    if (!made) return;
    made.batch(() => {
      made.setData(columns(props.data), false);
      showRange(made, { from: props.from, to: props.to });
    });
  }, [props.data, props.from, props.to]);
  const { tag } = props;
  return (
    <figure className="chart">
      <figcaption className="chart-head">
        <span className="chart-title">
          {tagLabel(tag.name)}
          <span className="unit">{tag.unit}</span>
        </span>
        <output ref={said} className="chart-said number quiet" />
      </figcaption>
      <div
        ref={box}
        className="chart-box"
        role="group"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the chart takes keys
        tabIndex={0}
        aria-label={`Chart of ${tagLabel(tag.name)}: ${summary(props)}. Arrow keys move the cursor, plus and minus zoom. The table view holds the same values.`}
        onKeyDown={(event) => onKey(event, plot.current, latest.current)}
      />
    </figure>
  );
}

function summary({ tag, data }: ChartProps): string {
  const values = data.mid.filter((value) => value !== null);
  if (values.length === 0) return 'no values in this range';
  const decimals = decimalsFor(tag.range);
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  return `${measured(low, decimals)} to ${measured(high, decimals)} ${tag.unit}, ${data.breaks.length} breaks`;
}

function onKey(event: KeyboardEvent, plot: uPlot | undefined, props: ChartProps): void {
  if (!plot) return;
  const { from, to, onZoom } = props;
  const width = plot.over.clientWidth;
  const left = plot.cursor.left !== undefined && plot.cursor.left >= 0 ? plot.cursor.left : width / 2;
  const center = plot.posToVal(left, 'x') * 1000;
  const step = event.shiftKey ? width / 10 : Math.max(1, width / 200);
  if (event.key === 'ArrowLeft' || event.key === 'ArrowRight') {
    const to = left + (event.key === 'ArrowLeft' ? -step : step);
    plot.setCursor({ left: Math.min(width - 1, Math.max(0, to)), top: plot.over.clientHeight / 2 });
  } else if (event.key === '+' || event.key === '=')
    onZoom(center - (center - from) / 2, center + (to - center) / 2);
  else if (event.key === '-') onZoom(center - (center - from) * 2, center + (to - center) * 2);
  else return;
  event.preventDefault();
}
