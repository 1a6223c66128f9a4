import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { summaryQuery } from '../../api/queries';
import type { Summary } from '../../api/types';
import { count, nameLabel, rate } from '../../lib/format';
import { Glyph, type Level } from '../../ui/marks';
import { Problem } from '../../ui/notes';

interface FigureProps {
  readonly label: string;
  readonly value: string;
  readonly unit?: string;
  readonly level?: Level;
  readonly shape?: 'cross' | 'clock' | 'hollow' | 'diamond';
  readonly link?: (content: ReactNode) => ReactNode;
}

function Figure({ label, value, unit, level = 'none', shape, link }: FigureProps) {
  const content = (
    <>
      <span className="figure-label">{label}</span>
      <span className="figure-value" data-level={level}>
        {level !== 'none' && shape ? <Glyph shape={shape} /> : null}
        <span className="number">{value}</span>
        {unit ? <span className="unit">{unit}</span> : null}
      </span>
    </>
  );
  return <li className="figure">{link ? link(content) : <span className="figure-box">{content}</span>}</li>;
}

const toState = (state: string) => (content: ReactNode) => (
  <Link to="/" search={{ state }} className="figure-box">
    {content}
  </Link>
);

/** What can be read in three seconds: is everything there, does data flow, is anything lost. */
export function Figures() {
  const summary = useQuery(summaryQuery);
  if (!summary.data && summary.error)
    return <Problem what="The fleet's figures" error={summary.error} retry={() => void summary.refetch()} />;
  return <FigureRow summary={summary.data} />;
}

function delayText(ms: number | null | undefined): { value: string; unit: string } {
  if (ms === null || ms === undefined) return { value: '\u2013', unit: '' };
  return ms < 1000 ? { value: count(ms), unit: 'ms' } : { value: (ms / 1000).toFixed(1), unit: 's' };
}

function FigureRow({ summary }: { summary: Summary | undefined }) {
  const shown = (value: number | undefined, write = count) => (value === undefined ? '\u2013' : write(value));
  const devices = summary?.devices;
  const delay = summary?.data_delay_ms.p99;
  const lost = (summary?.gaps_open ?? 0) + (summary?.silences_open ?? 0);
  return (
    <ul className="figures" aria-label="The fleet now" aria-busy={!summary}>
      <Figure
        label="Online"
        value={shown(devices?.online)}
        unit={devices ? `of ${count(devices.total)}` : ''}
        link={toState('online')}
      />
      <Figure
        label="Stale"
        value={shown(devices?.stale)}
        level={devices?.stale ? 'uncertain' : 'none'}
        shape="clock"
        link={toState('stale')}
      />
      <Figure
        label="Offline"
        value={shown(devices?.offline)}
        level={devices?.offline ? 'bad' : 'none'}
        shape="cross"
        link={toState('offline')}
      />
      <Figure label="Messages" value={shown(summary?.messages_per_s, rate)} unit="/s" />
      <Figure label="Values" value={shown(summary?.values_per_s, rate)} unit="/s" />
      <Figure
        label="Data delay p99"
        {...delayText(delay)}
        level={delay && delay > 5000 ? 'uncertain' : 'none'}
        shape="clock"
      />
      <Figure
        label="Open gaps"
        value={summary ? count(lost) : '\u2013'}
        level={lost > 0 ? 'uncertain' : 'none'}
        shape="hollow"
        link={(content) => (
          <Link to="/" search={{ sort: '-gaps_open' }} className="figure-box">
            {content}
          </Link>
        )}
      />
      <Figure
        label="Dead letters 24 h"
        value={shown(summary?.dead_letters_24h)}
        level={summary?.dead_letters_24h ? 'uncertain' : 'none'}
        shape="diamond"
        link={(content) => (
          <Link to="/dead-letters" className="figure-box">
            {content}
          </Link>
        )}
      />
    </ul>
  );
}

/** One line a site: how much of it is online. */
export function Sites() {
  const { data } = useQuery(summaryQuery);
  if (!data || data.sites.length === 0) return null;
  return (
    <ul className="sites" aria-label="Sites">
      {data.sites.map(({ site, total, online }) => (
        <li key={site}>
          <Link to="/" search={{ site }} className="site">
            <span className="clip">{nameLabel(site)}</span>
            <span className="site-bar" aria-hidden="true">
              <span style={{ width: `${total === 0 ? 0 : (100 * online) / total}%` }} />
            </span>
            <span className="mark number" data-level={online < total ? 'uncertain' : 'none'}>
              {online < total ? <Glyph shape="hollow" /> : null}
              {count(online)} of {count(total)} online
            </span>
          </Link>
        </li>
      ))}
    </ul>
  );
}
