import { qualityName, qualityWords } from '../api/quality';
import type { DeviceState, QualityName } from '../api/types';

/** Abnormal states carry shape and words beside colour, so that none of them is the only sign. */
export type Level = 'none' | 'good' | 'uncertain' | 'bad';

type Shape = 'dot' | 'hollow' | 'hatch' | 'clock' | 'cross' | 'dashed' | 'diamond';

/** A 12 px sign drawn in the text's colour. */
export function Glyph({ shape }: { shape: Shape }) {
  return (
    <svg className="glyph" viewBox="0 0 12 12" aria-hidden="true" focusable="false">
      {drawing(shape)}
    </svg>
  );
}

function drawing(shape: Shape) {
  const line = { fill: 'none', stroke: 'currentColor', strokeWidth: 1.5 } as const;
  switch (shape) {
    case 'dot':
      return <circle cx="6" cy="6" r="2.5" fill="currentColor" />;
    case 'hollow':
      return <circle cx="6" cy="6" r="4" {...line} />;
    case 'hatch':
      return (
        <>
          <rect x="1.25" y="1.25" width="9.5" height="9.5" {...line} />
          <path d="M2 7 7 2M2 10.5 10.5 2M5 10.5 10.5 5" {...line} strokeWidth={1.1} />
        </>
      );
    case 'clock':
      return (
        <>
          <circle cx="6" cy="6" r="4.5" {...line} />
          <path d="M6 3.5V6l1.8 1.4" {...line} />
        </>
      );
    case 'cross':
      return (
        <>
          <rect x="1" y="1" width="10" height="10" fill="currentColor" />
          <path d="m3.5 3.5 5 5m0-5-5 5" stroke="var(--surface)" strokeWidth="1.5" />
        </>
      );
    case 'dashed':
      return <circle cx="6" cy="6" r="4" {...line} strokeDasharray="2 1.6" />;
    case 'diamond':
      return <path d="M6 1 11 6 6 11 1 6Z" {...line} />;
  }
}

const stateSigns: Readonly<Record<DeviceState, { shape: Shape; words: string; level: Level }>> = {
  online: { shape: 'dot', words: 'Online', level: 'none' },
  stale: { shape: 'clock', words: 'Stale', level: 'uncertain' },
  offline: { shape: 'cross', words: 'Offline', level: 'bad' },
  never_seen: { shape: 'dashed', words: 'Never seen', level: 'none' },
};

/** How bad a device's state is. */
export function stateLevel(state: DeviceState | undefined): Level {
  return state === undefined ? 'none' : stateSigns[state].level;
}

/** A device's state in words: `Offline`. */
export function stateWords(state: DeviceState): string {
  return stateSigns[state].words;
}

/** A device's state: sign, words and, where there is one, the reason. */
export function StateMark({ state, reason }: { state: DeviceState; reason?: string | null }) {
  const sign = stateSigns[state];
  const why = reason && state !== 'online' ? `: ${reasonText(reason)}` : '';
  return (
    <span className="mark" data-level={sign.level} title={`${sign.words}${why}`}>
      <Glyph shape={sign.shape} />
      <span className="words">
        {sign.words}
        {why}
      </span>
    </span>
  );
}

/** A sentence of the platform as the second half of one: `Its gateway …` after a colon is written small. */
function reasonText(reason: string): string {
  const text = reason.replace(/\.$/, '');
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}

/** The worse of state and quality: offline, then bad values, then stale, then uncertain ones. */
function worseSign(
  state: DeviceState | undefined,
  worst: QualityName,
): { shape: Shape; words: string; level: Level } {
  if (state === 'offline') return stateSigns.offline;
  if (worst === 'bad') return { shape: 'hatch', words: 'Bad quality', level: 'bad' };
  if (state === 'stale') return stateSigns.stale;
  if (worst === 'uncertain') return { shape: 'hollow', words: 'Uncertain quality', level: 'uncertain' };
  return { shape: state === 'never_seen' ? 'dashed' : 'dot', words: '', level: 'none' };
}

/** Only the sign of a device's state, for the tree; the words are for those who cannot see it. */
export function StateGlyph({ state, worst }: { state: DeviceState | undefined; worst: QualityName }) {
  const { shape, level, words } = worseSign(state, worst);
  return (
    <span className="mark" data-level={level} title={words || undefined}>
      <Glyph shape={shape} />
      <span className="visually-hidden">{words}</span>
    </span>
  );
}

/** A value's quality in words. Good is plain; uncertain a hollow dot; bad a hatched field. */
export function QualityMark({ q, words, tag }: { q: number; words?: string; tag?: string }) {
  const level = qualityName(q);
  const text = words ?? qualityWords(q);
  const suffix = tag ? ` (${tag})` : '';
  const said = level === 'good' ? text : text.startsWith(level) ? text : `${level}, ${text}`;
  const shown = `${said.charAt(0).toUpperCase()}${said.slice(1)}${suffix}`;
  return (
    <span className="mark" data-level={level} data-quality={level} title={`${shown} (code ${q})`}>
      {level === 'good' ? null : <Glyph shape={level === 'bad' ? 'hatch' : 'hollow'} />}
      <span className="words">{shown}</span>
    </span>
  );
}
