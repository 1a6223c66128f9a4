import { useMemo } from 'react';
import { qualityName } from '../../api/quality';
import type { DeviceDetail, Tag } from '../../api/types';
import { decimalsFor, measured, tagLabel } from '../../lib/format';
import { useNow } from '../../lib/use-now';
import { feed, type LiveValue } from '../../live/feed';
import { useLiveValues } from '../../live/hooks';
import { Glyph, QualityMark } from '../../ui/marks';
import { Age } from '../../ui/time';
import { AnalogBar, deviation, Sparkline } from './analog';
import { breakStretches, heightOf } from './chart-model';
import { trendMs, useTrends } from './history';

/** Older than three liveness intervals, a value is no longer taken for the present (ms). */
const freshMs = 180_000;

interface LiveListProps {
  readonly device: DeviceDetail;
  readonly charted: readonly string[];
  readonly onChart: (tag: string) => void;
}

/** A device's values as they are now: where each stands, whether it is good, and how old it is. */
export function LiveList({ device, charted, onChart }: LiveListProps) {
  const values = useLiveValues(device.device_id) ?? {};
  const numeric = useMemo(() => device.tags.filter((tag) => tag.range).map((tag) => tag.name), [device.tags]);
  const trends = useTrends(device.device_id, numeric);
  const to = useNow();
  const breaks = useMemo(() => breakStretches(trends.data?.breaks ?? [], to), [trends.data, to]);
  return (
    <section className="panel" aria-label="Values now">
      <ul className="live-list">
        {device.tags.map((tag) => (
          <LiveRow
            key={tag.name}
            tag={tag}
            value={values[tag.name]}
            present={to}
            charted={charted.includes(tag.name)}
            onChart={onChart}
          >
            {tag.range ? (
              <Sparkline
                series={trends.data?.series.find((one) => one.tag === tag.name)}
                live={feed.trend(device.device_id, tag.name)}
                breaks={breaks}
                tag={tag}
                from={to - trendMs}
                to={to}
              />
            ) : null}
          </LiveRow>
        ))}
      </ul>
    </section>
  );
}

interface LiveRowProps {
  readonly tag: Tag;
  readonly value: LiveValue | undefined;
  readonly present: number;
  readonly charted: boolean;
  readonly onChart: (tag: string) => void;
  readonly children: React.ReactNode;
}

function LiveRow({ tag, value, present, charted, onChart, children }: LiveRowProps) {
  const level = value ? qualityName(value.q) : 'good';
  const height = value && level !== 'bad' ? heightOf(value.v) : null;
  const off = deviation(tag, height);
  const old = value !== undefined && present - value.ts > freshMs;
  return (
    <li
      className={level === 'bad' ? 'live-row hatched' : 'live-row'}
      data-tag={tag.name}
      data-level={level}
      data-old={old}
    >
      <label className="live-name" title={`${tag.doc} (${tag.name})`}>
        <input
          type="checkbox"
          aria-label={`Chart ${tagLabel(tag.name)}`}
          checked={charted}
          onChange={() => onChart(tag.name)}
        />
        <span className="clip">{tagLabel(tag.name)}</span>
      </label>
      <span className="live-value fades">
        <Reading tag={tag} value={value} />
      </span>
      <span className="live-graph fades">
        <AnalogBar tag={tag} value={height} />
        {children}
      </span>
      <span className="live-quality">
        {value === undefined ? (
          <span className="quiet">No value yet</span>
        ) : level === 'good' && off ? (
          <span className="mark" data-level="uncertain">
            <Glyph shape="diamond" />
            <span className="words">{off.charAt(0).toUpperCase() + off.slice(1)}</span>
          </span>
        ) : (
          <QualityMark q={value.q} />
        )}
      </span>
      <span className="live-age quiet">{value ? <Age at={value.ts} suffix=" ago" /> : null}</span>
    </li>
  );
}

/** A state in words, ending where numbers end. */
function Worded({ words }: { words: string }) {
  return (
    <>
      {words}
      <span className="unit" />
    </>
  );
}

/** The number with its unit beside it; a bad value shows no number that could be taken for one. */
function Reading({ tag, value }: { tag: Tag; value: LiveValue | undefined }) {
  if (!value || value.v === null)
    return (
      <>
        <span className="number">{'\u2013'}</span>
        <span className="unit">{tag.unit}</span>
      </>
    );
  if (qualityName(value.q) === 'bad') {
    const last = typeof value.v === 'number' ? measured(value.v, decimalsFor(tag.range)) : String(value.v);
    return (
      <span className="number struck" title={`Last value received: ${last} ${tag.unit}`}>
        {'\u2013'}
        <span className="unit">{tag.unit}</span>
      </span>
    );
  }
  const named = tag.states?.[String(Number(value.v))];
  if (named !== undefined) return <Worded words={named.charAt(0).toUpperCase() + named.slice(1)} />;
  if (typeof value.v === 'boolean') return <Worded words={value.v ? 'On' : 'Off'} />;
  if (typeof value.v === 'string') return <span className="clip">{value.v}</span>;
  return (
    <>
      <span className="number">{measured(value.v, decimalsFor(tag.range))}</span>
      <span className="unit">{tag.unit}</span>
    </>
  );
}
