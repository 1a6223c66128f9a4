import { useRouteContext } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { now } from '../../lib/clock';
import { completeness, count, fullTime } from '../../lib/format';
import { figureNames, type RecordFigures } from './figures';

/** How the figures come about, in three sentences that an auditor can check. */
export const method = [
  'Every message of a device carries a number; its sender gives numbers out one after the other and keeps count over restarts, and where it has forgotten its count a new numbering begins, which is listed as such.',
  'The platform acknowledges a message only after the database has committed it, so that what was acknowledged is stored, and what was not is sent again and recognised by its number.',
  'The ledger holds the fate of every number from the first to the last one of the range (stored, kept as a dead letter, or reported lost by its sender), and a number without a fate counts as missing until it arrives.',
] as const;

interface StatementProps {
  /** `P-101, Pump 1` or `All devices`. */
  readonly subject: string;
  readonly from: string;
  readonly to: string;
  readonly figures: RecordFigures;
  readonly children?: ReactNode;
}

/** The page as a statement on A4; only print shows it. */
export function Statement({ subject, from, to, figures, children }: StatementProps) {
  const { session } = useRouteContext({ from: '/app' });
  const complete = figures.missing + figures.lost === 0;
  return (
    <article className="statement" aria-hidden="true">
      <header>
        <p className="statement-kind">Statement of completeness</p>
        <p className="statement-subject">{subject}</p>
        <dl className="facts">
          <dt>Tenant</dt>
          <dd>
            {session.tenant.title} ({session.tenant.slug})
          </dd>
          <dt>From</dt>
          <dd>
            {fullTime(Date.parse(from))} ({from})
          </dd>
          <dt>To</dt>
          <dd>
            {fullTime(Date.parse(to))} ({to})
          </dd>
          <dt>Generated</dt>
          <dd>
            {fullTime(now())}, by {session.user.name} ({session.user.role})
          </dd>
        </dl>
      </header>
      <p className="statement-verdict">
        {figures.expected === 0
          ? 'No message was numbered in this range: there is nothing to account for.'
          : complete
            ? `Complete: every one of ${count(figures.expected)} messages has its fate on record.`
            : `Not complete: ${count(figures.missing)} messages are missing and ${count(figures.lost)} are lost.`}
      </p>
      <table>
        <thead>
          <tr>
            <th className="numeric">Complete</th>
            {figureNames.map(({ id, title }) => (
              <th key={id} className="numeric">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <tr>
            <td className="numeric">{completeness(figures.completeness)}</td>
            {figureNames.map(({ id }) => (
              <td key={id} className="numeric">
                {count(figures[id])}
              </td>
            ))}
          </tr>
        </tbody>
      </table>
      {children}
      <section className="statement-method">
        <p className="statement-head">Method</p>
        {method.map((sentence) => (
          <p key={sentence}>{sentence}</p>
        ))}
        <p>Duplicates are counted since each numbering began; a refused duplicate has no time of its own.</p>
      </section>
    </article>
  );
}

/** The method on screen, folded away until it is asked for. */
export function Method() {
  return (
    <details className="method">
      <summary>How these figures come about</summary>
      {method.map((sentence) => (
        <p key={sentence} className="quiet">
          {sentence}
        </p>
      ))}
    </details>
  );
}
