import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { summaryQuery } from '../api/queries';
import { age, duration } from '../lib/format';
import { useNow } from '../lib/use-now';
import type { LinkStatus } from '../live/feed';
import { useLink } from '../live/hooks';
import { Glyph, type Level } from '../ui/marks';

/** Data later than this is abnormal, ms. */
const delayMsMax = 5_000;

interface Said {
  readonly level: Level;
  readonly words: string;
  readonly detail: string;
}

function said(link: LinkStatus, present: number, delayMs: number | null): Said {
  const silent = link.lastContact > 0 ? age(Math.max(0, present - link.lastContact)) : undefined;
  const since =
    silent === undefined ? 'nothing received yet' : `last data ${silent === 'now' ? 'now' : `${silent} ago`}`;
  if (link.phase === 'connecting') return { level: 'none', words: 'Connecting', detail: since };
  if (link.phase === 'refused') return { level: 'bad', words: 'Refused', detail: 'no right to live data' };
  if (link.phase === 'lost') {
    const inS = Math.max(0, Math.ceil((link.retryAt - present) / 1000));
    return {
      level: 'bad',
      words: 'Disconnected',
      detail: `${since}, ${inS > 0 ? `next try in ${inS} s` : 'trying now'}`,
    };
  }
  if (delayMs !== null && delayMs > delayMsMax)
    return { level: 'uncertain', words: 'Connected, late', detail: `delay ${duration(delayMs)}` };
  return {
    level: 'none',
    words: 'Connected',
    detail: delayMs === null ? 'no data yet' : `delay ${duration(delayMs)}`,
  };
}

/** The link to the platform and how late data is. Never hidden, at no width. */
export function LinkState() {
  const link = useLink();
  const present = useNow();
  const summary = useQuery(summaryQuery);
  const { level, words, detail } = said(link, present, summary.data?.data_delay_ms.p50 ?? null);
  // While the link is down every live value on the page fades: what is shown is the past.
  useEffect(() => {
    document.documentElement.dataset.link = link.phase;
  }, [link.phase]);
  const shape =
    level === 'bad' ? 'cross' : level === 'uncertain' ? 'clock' : link.phase === 'live' ? 'dot' : 'dashed';
  return (
    <div className="link-state" data-phase={link.phase} title={`${words}, ${detail}`}>
      <span className="mark" data-level={level}>
        <Glyph shape={shape} />
        <span aria-live="polite">{words}</span>
      </span>
      <span className="link-detail quiet number">{detail}</span>
    </div>
  );
}
