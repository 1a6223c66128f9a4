import { useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import type { DeviceDetail, Series, Tag } from '../../api/types';
import { now } from '../../lib/clock';
import { rangeEnds } from '../../lib/range';
import { Empty, Problem, Skeleton } from '../../ui/notes';
import { Chart } from './chart';
import { type BreakStretch, breakStretches, chartData } from './chart-model';
import { useHistory } from './history';

/** Ranges a zoom may reach, ms. */
const zoomMsMin = 5_000;
const zoomMsMax = 366 * 86_400_000;

/** The chosen tags, one chart each, over one axis of time. */
export function Charts({ device, tags }: { device: DeviceDetail; tags: readonly string[] }) {
  const history = useHistory(device.device_id, tags);
  const zoom = useZoom();
  const { data } = history;
  const breaks = useMemo(() => (data ? breakStretches(data.answer.breaks, data.to) : []), [data]);
  if (tags.length === 0) return <Empty title="No charts chosen">Tick a value to see it over time.</Empty>;
  if (!data)
    return history.error ? (
      <Problem what="The history" error={history.error} retry={() => void history.refetch()} />
    ) : (
      <Skeleton rows={6} label="the history" />
    );
  return (
    <div className="charts" aria-busy={history.isPlaceholderData}>
      {tags.map((name) => {
        const tag = device.tags.find((one) => one.name === name);
        const series = data.answer.series.find((one) => one.tag === name);
        if (!tag) return null;
        return (
          <TagChart
            key={name}
            tag={tag}
            series={series}
            breaks={breaks}
            from={data.from}
            to={data.to}
            onZoom={zoom}
          />
        );
      })}
      {data.answer.has_more ? (
        <p className="quiet small chart-note">
          The range holds more values than are drawn. Choose an interval or zoom in to see all of it.
        </p>
      ) : null}
    </div>
  );
}

interface TagChartProps {
  readonly tag: Tag;
  readonly series: Series | undefined;
  readonly breaks: readonly BreakStretch[];
  readonly from: number;
  readonly to: number;
  readonly onZoom: (from: number, to: number) => void;
}

function TagChart({ tag, series, breaks, from, to, onZoom }: TagChartProps) {
  const data = useMemo(
    () => chartData(series ?? { tag: tag.name, unit: tag.unit, t: [] }, breaks, to),
    [series, breaks, to, tag],
  );
  return <Chart tag={tag} data={data} from={from} to={to} onZoom={onZoom} />;
}

/** Puts a zoom into the URL, so that Back leads out of it. */
export function useZoom(): (from: number, to: number) => void {
  const navigate = useNavigate();
  const search = useSearch({ from: '/app/devices/$deviceId' });
  return (from, to) => {
    const length = Math.min(zoomMsMax, Math.max(zoomMsMin, to - from));
    const end = Math.min(Math.max(rangeEnds(search, now()).to, now()), (from + to) / 2 + length / 2);
    void navigate({
      to: '.',
      search: (before: Record<string, unknown>) => ({
        ...before,
        range: undefined,
        from: Math.round(end - length),
        to: Math.round(end),
      }),
    });
  };
}
