import { age, dayTime, fullTime } from '../lib/format';
import { useNow } from '../lib/use-now';

/** A moment with its full form on hover. */
export function Moment({ at }: { at: string | number | null | undefined }) {
  if (at === null || at === undefined) return <span className="quiet">{'\u2013'}</span>;
  const ms = typeof at === 'number' ? at : Date.parse(at);
  return (
    <time dateTime={new Date(ms).toISOString()} title={fullTime(ms)} className="number">
      {dayTime(ms)}
    </time>
  );
}

/** How long ago, kept current, with the moment on hover. `never` is said where there is no moment. */
export function Age({ at, suffix = '' }: { at: string | number | null | undefined; suffix?: string }) {
  const present = useNow();
  if (at === null || at === undefined) return <span className="quiet">never</span>;
  const ms = typeof at === 'number' ? at : Date.parse(at);
  const words = age(Math.max(0, present - ms));
  return (
    <time dateTime={new Date(ms).toISOString()} title={fullTime(ms)} className="number">
      {words === 'now' ? words : `${words}${suffix}`}
    </time>
  );
}
