import { useNavigate, useSearch } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { now } from '../lib/clock';
import { dayTime, zoneName } from '../lib/format';
import { defaultRange, isFixed, rangeEnds, rangeMs, rangeSearch, ranges } from '../lib/range';
import { useNarrow } from '../lib/use-media';
import { Popover } from '../ui/popover';

/** The time range of the page and whether it follows the present. */
export function RangePicker() {
  const search = rangeSearch(useSearch({ strict: false }));
  const navigate = useNavigate();
  const narrow = useNarrow();
  const fixed = isFixed(search);
  const go = (change: { range?: string | undefined; from?: number | undefined; to?: number | undefined }) =>
    void navigate({
      to: '.',
      search: (before: Record<string, unknown>) => ({
        ...before,
        range: undefined,
        from: undefined,
        to: undefined,
        ...change,
      }),
    });
  const pause = () => go(rangeEnds(search, now()));
  const follow = () => go({ range: nearest(rangeMs(search)) });
  const shown = fixed
    ? `${dayTime(search.from!)} \u2013 ${dayTime(search.to!)}`
    : `Last ${ranges.find((one) => one.id === (search.range ?? defaultRange))!.title}`;
  return (
    <div className="range-picker">
      {narrow ? null : (
        <RangeButtons current={search.range} fixed={fixed} onPick={(range) => go({ range })} />
      )}
      <Popover
        label={`${fixed || narrow ? shown : 'Custom'} ${zoneName(now())}: time range${fixed || narrow ? '' : `, now ${shown}`}`}
        button={
          <>
            <span className="clip">{fixed || narrow ? shown : 'Custom'}</span>{' '}
            <span className="quiet">{zoneName(now())}</span>
          </>
        }
      >
        {(close) => (
          <>
            {narrow ? (
              <RangeList
                current={search.range}
                fixed={fixed}
                onPick={(range) => {
                  go({ range });
                  close();
                }}
              />
            ) : null}
            <CustomRange
              ends={rangeEnds(search, now())}
              onPick={(ends) => {
                go(ends);
                close();
              }}
            />
          </>
        )}
      </Popover>
      <button
        type="button"
        className="button"
        aria-pressed={!fixed}
        title={fixed ? 'Follow the present again' : 'Hold the charts still'}
        onClick={fixed ? follow : pause}
      >
        {fixed ? 'Go live' : 'Live'}
      </button>
    </div>
  );
}

function nearest(ms: number): string {
  return ranges.reduce((best, one) => (Math.abs(one.ms - ms) < Math.abs(best.ms - ms) ? one : best)).id;
}

interface RangeChoice {
  readonly current: string | undefined;
  readonly fixed: boolean;
  readonly onPick: (range: string) => void;
}

function RangeButtons({ current, fixed, onPick }: RangeChoice) {
  return (
    <div className="segments" role="group" aria-label="Time range">
      {ranges.map((range) => (
        <button
          key={range.id}
          type="button"
          className="button"
          aria-pressed={!fixed && range.id === (current ?? defaultRange)}
          onClick={() => onPick(range.id)}
        >
          {range.title}
        </button>
      ))}
    </div>
  );
}

function RangeList(props: RangeChoice) {
  return (
    <div className="choices">
      {ranges.map((range) => (
        <button
          key={range.id}
          type="button"
          className="button bare"
          aria-pressed={!props.fixed && range.id === (props.current ?? defaultRange)}
          onClick={() => props.onPick(range.id)}
        >
          Last {range.title}
        </button>
      ))}
    </div>
  );
}

/** `2026-11-23T14:03` in the viewer's zone, as the date field wants it. */
function fieldTime(ms: number): string {
  const local = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16);
}

function CustomRange(props: {
  ends: { from: number; to: number };
  onPick: (ends: { from: number; to: number }) => void;
}) {
  const [from, setFrom] = useState(fieldTime(props.ends.from));
  const [to, setTo] = useState(fieldTime(props.ends.to));
  const ends = { from: new Date(from).getTime(), to: new Date(to).getTime() };
  const wrong = !(ends.to > ends.from);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!wrong) props.onPick(ends);
  };
  return (
    <form className="custom-range" onSubmit={submit}>
      <label className="field">
        From
        <input
          className="input"
          type="datetime-local"
          value={from}
          onChange={(e) => setFrom(e.target.value)}
        />
      </label>
      <label className="field">
        To
        <input
          className="input"
          type="datetime-local"
          value={to}
          aria-invalid={wrong}
          aria-describedby="range-wrong"
          onChange={(e) => setTo(e.target.value)}
        />
      </label>
      <p id="range-wrong" className="small" role={wrong ? 'alert' : undefined}>
        {wrong ? 'The end must be later than the start.' : `Times are ${zoneName(now())}, your zone.`}
      </p>
      <button type="submit" className="button primary" disabled={wrong}>
        Show this range
      </button>
    </form>
  );
}
