import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback, useEffect, useMemo, useRef } from 'react';
import { deadLetterQuery, deadLettersQuery } from '../../api/queries';
import type { DeadLetter } from '../../api/types';
import { count } from '../../lib/format';
import { type Column, DataTable } from '../../ui/data-table';
import { Empty, Problem, Skeleton } from '../../ui/notes';
import { Moment } from '../../ui/time';
import { LetterActions, ReplayAll } from './letter-actions';

const reasonWords = (row: DeadLetter) => row.reason.replaceAll('_', ' ');

function ReasonLink({ row }: { row: DeadLetter }) {
  return (
    <Link to="/dead-letters" search={{ id: String(row.id) }} className="device-link">
      {reasonWords(row)}
    </Link>
  );
}

const columns: readonly Column<DeadLetter>[] = [
  {
    id: 'time',
    title: 'Received',
    width: '152px',
    cell: (row) => <Moment at={row.received_at} />,
    csv: (row) => row.received_at,
  },
  {
    id: 'reason',
    title: 'Reason',
    width: 'minmax(176px, 1.5fr)',
    cell: (row) => <ReasonLink row={row} />,
    csv: (row) => row.reason,
  },
  {
    id: 'status',
    title: 'Status',
    width: '96px',
    cell: (row) => <span className={row.status === 'kept' ? '' : 'quiet'}>{row.status}</span>,
    csv: (row) => row.status,
  },
  {
    id: 'topic',
    title: 'Topic',
    width: 'minmax(240px, 3fr)',
    cell: (row) => (
      <span className="quiet" title={row.topic}>
        {row.topic}
      </span>
    ),
    csv: (row) => row.topic,
  },
  {
    id: 'detail',
    title: 'Detail',
    width: 'minmax(160px, 2fr)',
    cell: (row) => (
      <span className="quiet" title={row.detail ?? ''}>
        {row.detail ?? '\u2013'}
      </span>
    ),
    csv: (row) => row.detail,
  },
];

/** Messages that could not be stored as readings: why, from where, and what they held. */
export function DeadLettersPage() {
  const letters = useInfiniteQuery(deadLettersQuery);
  const { id } = useSearch({ from: '/app/dead-letters' });
  const rows = useMemo(() => letters.data?.pages.flatMap((page) => page.items) ?? [], [letters.data]);
  const total = letters.data?.pages[0]?.total_count;
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = letters;
  const onEnd = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  useEffect(() => {
    document.title = 'Dead letters \u00b7 Millrace';
  }, []);
  return (
    <div className="page full">
      <header className="page-head">
        <h1>Dead letters</h1>
        <span className="quiet number">{total === undefined ? '' : count(total)}</span>
        <p className="quiet page-about">
          Messages that could not be stored as readings. Nothing is dropped: each is kept until somebody
          replays or discards it.
        </p>
        <ReplayAll kept={rows.some((row) => row.status === 'kept')} />
      </header>
      <section className="list" aria-label="Dead letters">
        {rows.length > 0 ? (
          <DataTable
            label="Dead letters"
            columns={columns}
            rows={rows}
            rowKey={(row) => String(row.id)}
            total={total}
            onEnd={onEnd}
            narrow={(row) => (
              <>
                <span className="narrow-line">
                  <ReasonLink row={row} />
                  <span className="quiet">
                    <Moment at={row.received_at} />
                  </span>
                </span>
                <span className="narrow-line small quiet">
                  <span>{row.topic}</span>
                </span>
              </>
            )}
          />
        ) : letters.error ? (
          <Problem what="The dead letters" error={letters.error} retry={() => void letters.refetch()} />
        ) : letters.isPending ? (
          <Skeleton rows={8} label="dead letters" />
        ) : (
          <Empty title="No dead letters">Every message that came was stored.</Empty>
        )}
      </section>
      {id === undefined ? null : <LetterDialog key={id} id={id} />}
    </div>
  );
}

function LetterDialog({ id }: { id: string }) {
  const letter = useQuery(deadLetterQuery(id));
  const dialog = useRef<HTMLDialogElement>(null);
  const navigate = useNavigate();
  useEffect(() => dialog.current?.showModal(), []);
  const close = () => void navigate({ to: '/dead-letters', search: {} });
  return (
    <dialog ref={dialog} className="side-dialog" aria-label="Dead letter" onClose={close}>
      <div>
        <header>
          <h2>Dead letter</h2>
          <button type="button" className="button" onClick={() => dialog.current?.close()}>
            Close
          </button>
        </header>
        {letter.data ? (
          <Letter letter={letter.data} />
        ) : letter.error ? (
          <Problem what="The dead letter" error={letter.error} retry={() => void letter.refetch()} />
        ) : (
          <Skeleton rows={5} label="the dead letter" />
        )}
      </div>
    </dialog>
  );
}

/** The payload as text where it is text, indented where it is JSON, as hex where it is neither. */
function payloadText(letter: DeadLetter): string {
  const bytes = letter.payload_base64
    ? Uint8Array.from(atob(letter.payload_base64), (c) => c.charCodeAt(0))
    : undefined;
  let text = letter.payload ?? '';
  if (bytes && !letter.payload) {
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch {
      return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    }
  }
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function Letter({ letter }: { letter: DeadLetter }) {
  const text = payloadText(letter);
  return (
    <>
      <dl className="facts">
        <dt>Reason</dt>
        <dd>{reasonWords(letter)}</dd>
        {letter.detail ? (
          <>
            <dt>Detail</dt>
            <dd>{letter.detail}</dd>
          </>
        ) : null}
        <dt>Status</dt>
        <dd>{letter.status}</dd>
        <dt>Received</dt>
        <dd>
          <Moment at={letter.received_at} />
        </dd>
        <dt>Topic</dt>
        <dd>{letter.topic}</dd>
        {letter.client_id ? (
          <>
            <dt>Client</dt>
            <dd>{letter.client_id}</dd>
          </>
        ) : null}
      </dl>
      <h3>Payload{letter.payload_bytes ? `, ${count(letter.payload_bytes)} bytes` : ''}</h3>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <pre className="payload" tabIndex={0} role="region" aria-label="Payload">
        {text === '' ? (letter.status === 'discarded' ? '(removed)' : '(empty)') : text}
      </pre>
      <LetterActions letter={letter} />
    </>
  );
}
