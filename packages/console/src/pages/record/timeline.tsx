import type { Gap } from '../../api/types';
import { dayTime, duration, plural } from '../../lib/format';
import { type StripKind, strips, sums } from './timeline-model';

const words: Readonly<Record<StripKind, string>> = {
  gap: 'Gap, still missing',
  late: 'Late, stored since',
  lost: 'Lost',
  silence: 'Silence',
};
const shown: readonly StripKind[] = ['lost', 'gap', 'silence', 'late'];

interface TimelineProps {
  readonly deviceId: string;
  readonly gaps: readonly Gap[];
  /** Further breaks that were not loaded. */
  readonly more: boolean;
  readonly from: number;
  readonly to: number;
}

/** One bar over the range: what is stored, and by pattern and words what is not. */
export function Timeline({ deviceId, gaps, more, from, to }: TimelineProps) {
  const found = strips(gaps, from, to);
  const totals = sums(found);
  const told = shown.flatMap((kind) => {
    const sum = totals.get(kind);
    return sum ? [{ kind, text: `${words[kind]}: ${plural(sum.times, 'time')}, ${duration(sum.ms)}` }] : [];
  });
  const text = told.length === 0 ? 'no gap, no silence and no loss' : told.map((one) => one.text).join('; ');
  const place = (ms: number) => `${(100 * (ms - from)) / (to - from)}%`;
  return (
    <section className="timeline" aria-label="Timeline">
      <div className="timeline-bar" role="img" aria-label={`Record of ${deviceId}: ${text}.`}>
        {found.map((strip) => (
          <span
            key={`${strip.kind}-${String(strip.from)}-${String(strip.to)}`}
            className="strip"
            data-kind={strip.kind}
            title={`${words[strip.kind]}, ${dayTime(strip.from)}, ${duration(strip.to - strip.from)}`}
            style={{
              left: place(strip.from),
              width: `max(3px, ${(100 * (strip.to - strip.from)) / (to - from)}%)`,
            }}
          />
        ))}
      </div>
      <div className="timeline-ends small quiet number">
        <span>{dayTime(from)}</span>
        <span>{dayTime(to)}</span>
      </div>
      <ul className="timeline-legend small">
        <li>
          <span className="strip" data-kind="stored" /> Stored
        </li>
        {told.map(({ kind, text: told }) => (
          <li key={kind}>
            <span className="strip" data-kind={kind} /> {told}
          </li>
        ))}
        {told.length === 0 ? <li className="quiet">No gap, no silence and no loss in this range.</li> : null}
        {more ? <li className="quiet">Only the newest breaks are drawn.</li> : null}
      </ul>
    </section>
  );
}
