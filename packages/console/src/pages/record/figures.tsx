import type { Completeness } from '../../api/types';
import { completeness, count } from '../../lib/format';
import { Glyph, type Level } from '../../ui/marks';

export type RecordFigures = Pick<
  Completeness,
  'expected' | 'stored' | 'missing' | 'dead_lettered' | 'lost' | 'duplicates_refused'
> & {
  /** 0 to 1; null where nothing was expected. */
  readonly completeness: number | null;
};

/** Names and figures in the order in which they are read and added up. */
export const figureNames = [
  { id: 'expected', title: 'Expected' },
  { id: 'stored', title: 'Stored' },
  { id: 'missing', title: 'Missing' },
  { id: 'lost', title: 'Lost' },
  { id: 'dead_lettered', title: 'Dead letters' },
  { id: 'duplicates_refused', title: 'Duplicates refused' },
] as const;

/** How bad a figure is: missing may still come, lost never will. */
export function figureLevel(id: (typeof figureNames)[number]['id'], value: number): Level {
  if (value === 0) return 'none';
  if (id === 'lost') return 'bad';
  return id === 'missing' || id === 'dead_lettered' ? 'uncertain' : 'none';
}

/** A count with its sign where it is abnormal. */
export function FigureCount({ id, value }: { id: (typeof figureNames)[number]['id']; value: number }) {
  const level = figureLevel(id, value);
  if (level === 'none') return <span className="number">{count(value)}</span>;
  return (
    <span className="mark" data-level={level}>
      <Glyph shape={level === 'bad' ? 'cross' : 'hollow'} />
      <span className="number">{count(value)}</span>
    </span>
  );
}

/** The share that arrived, marked where it is less than all of it. */
export function Share({ of }: { of: RecordFigures }) {
  const text = completeness(of.completeness);
  if (of.completeness === null || of.completeness === 1) return <span className="number">{text}</span>;
  return (
    <span className="mark" data-level={of.lost > 0 ? 'bad' : 'uncertain'}>
      <Glyph shape={of.lost > 0 ? 'cross' : 'hollow'} />
      <span className="number">{text}</span>
    </span>
  );
}

/** The figures of a record in one row. */
export function RecordFigureRow({ of, label }: { of: RecordFigures | undefined; label: string }) {
  const incomplete = of !== undefined && of.missing + of.lost > 0;
  return (
    <ul className="figures record-figures" aria-label={label} aria-busy={!of}>
      <li className="figure">
        <span className="figure-box">
          <span className="figure-label">Complete</span>
          <span
            className="figure-value"
            data-level={incomplete ? (of.lost > 0 ? 'bad' : 'uncertain') : 'none'}
          >
            {incomplete ? <Glyph shape={of.lost > 0 ? 'cross' : 'hollow'} /> : null}
            <span className="number">{of ? completeness(of.completeness).replace(' %', '') : '\u2013'}</span>
            {of && of.completeness !== null ? <span className="unit">%</span> : null}
          </span>
        </span>
      </li>
      {figureNames.map(({ id, title }) => {
        const level = of ? figureLevel(id, of[id]) : 'none';
        return (
          <li className="figure" key={id}>
            <span className="figure-box">
              <span className="figure-label">{title}</span>
              <span className="figure-value" data-level={level}>
                {level === 'none' ? null : <Glyph shape={level === 'bad' ? 'cross' : 'hollow'} />}
                <span className="number">{of ? count(of[id]) : '\u2013'}</span>
              </span>
            </span>
          </li>
        );
      })}
    </ul>
  );
}
