import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { api } from '../../api/client';
import { sessionQuery } from '../../api/queries';
import type { DeadLetter } from '../../api/types';
import { count } from '../../lib/format';
import { Moment } from '../../ui/time';

/** Whether the person's role may replay and discard; the server decides, this only spares a refusal. */
function useMayAct(): boolean {
  const role = useQuery(sessionQuery).data?.user.role;
  return role === 'operator' || role === 'admin';
}

/** An order to the platform; lists and letters are read again once it is done. */
function useOrder<T>(order: () => Promise<T>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: order,
    onSettled: async () => {
      await Promise.all([
        client.invalidateQueries({ queryKey: ['dead-letters'] }),
        client.invalidateQueries({ queryKey: ['dead-letter'] }),
      ]);
    },
  });
}

function Outcome({ children, error }: { children?: ReactNode; error: unknown }) {
  if (error) return <p role="alert">{error instanceof Error ? error.message : 'It was not done.'}</p>;
  return <p role="status">{children}</p>;
}

/** A second click, which says what will happen, before anything does. */
function Confirm(props: {
  what: string;
  verb: string;
  pending: boolean;
  ready?: boolean;
  act: () => void;
  cancel: () => void;
  children?: ReactNode;
}) {
  return (
    <fieldset className="confirm">
      <legend className="visually-hidden">{props.verb}</legend>
      <p>{props.what}</p>
      {props.children}
      <div className="confirm-buttons">
        <button
          type="button"
          className="button primary"
          disabled={props.pending || props.ready === false}
          onClick={props.act}
        >
          {props.pending ? 'Working\u2026' : props.verb}
        </button>
        <button type="button" className="button" disabled={props.pending} onClick={props.cancel}>
          Cancel
        </button>
      </div>
    </fieldset>
  );
}

const outcomeWords = {
  stored: 'Stored as a reading.',
  duplicate: 'Its reading was stored already.',
  refused: 'Refused again; it stays kept.',
  skipped: 'Not tried.',
} as const;

/** What was done with a letter, and - while it is kept - what can be. */
export function LetterActions({ letter }: { letter: DeadLetter }) {
  const mayAct = useMayAct();
  const [asking, setAsking] = useState<'replay' | 'discard'>();
  const [why, setWhy] = useState('');
  const replay = useOrder(() => api.replayDeadLetter(letter.id));
  const discard = useOrder(() => api.discardDeadLetter(letter.id, { why: why.trim() }));
  const done = { onSettled: () => setAsking(undefined) };
  return (
    <>
      <History letter={letter} />
      {replay.data || replay.error ? (
        <Outcome error={replay.error}>
          {replay.data ? `${outcomeWords[replay.data.outcome]} ${replay.data.detail}` : null}
        </Outcome>
      ) : null}
      {discard.error ? <Outcome error={discard.error} /> : null}
      {!mayAct || letter.status !== 'kept' ? null : asking === 'replay' ? (
        <Confirm
          what="The message goes through ingestion again with its own topic and time of arrival. It becomes a reading at most once."
          verb="Replay now"
          pending={replay.isPending}
          act={() => replay.mutate(undefined, done)}
          cancel={() => setAsking(undefined)}
        />
      ) : asking === 'discard' ? (
        <Confirm
          what="The payload is removed for good and cannot be replayed any more. Who did it, when and why stays on record."
          verb="Discard for good"
          pending={discard.isPending}
          ready={why.trim() !== ''}
          act={() => discard.mutate(undefined, done)}
          cancel={() => setAsking(undefined)}
        >
          <label className="confirm-why">
            Why
            <input
              className="input"
              value={why}
              maxLength={500}
              onChange={(event) => setWhy(event.currentTarget.value)}
            />
          </label>
        </Confirm>
      ) : (
        <div className="confirm-buttons">
          <button type="button" className="button" onClick={() => setAsking('replay')}>
            {'Replay\u2026'}
          </button>
          <button type="button" className="button" onClick={() => setAsking('discard')}>
            {'Discard\u2026'}
          </button>
        </div>
      )}
    </>
  );
}

function History({ letter }: { letter: DeadLetter }) {
  if (letter.actions.length === 0) return null;
  return (
    <>
      <h3>What was done</h3>
      <ul className="letter-history">
        {letter.actions.map((action) => (
          <li key={`${action.at}${action.outcome}`}>
            <Moment at={action.at} />{' '}
            {action.outcome === 'discarded' ? 'discarded' : `replayed: ${action.outcome}`} by {action.by}
            {action.detail === '' ? null : <span className="quiet">: {action.detail}</span>}
          </li>
        ))}
      </ul>
    </>
  );
}

/** Replays every kept letter, a thousand at a time. */
export function ReplayAll({ kept }: { kept: boolean }) {
  const mayAct = useMayAct();
  const [asking, setAsking] = useState(false);
  const replay = useOrder(() => api.replayDeadLetters({ limit: 1_000 }));
  if (!mayAct) return null;
  const { data, error } = replay;
  return (
    <div className="replay-all">
      {asking ? (
        <Confirm
          what="Up to 1,000 kept messages go through ingestion again, the oldest first. Each becomes a reading at most once; those refused again stay."
          verb="Replay all"
          pending={replay.isPending}
          act={() => replay.mutate(undefined, { onSettled: () => setAsking(false) })}
          cancel={() => setAsking(false)}
        />
      ) : kept ? (
        <button type="button" className="button" onClick={() => setAsking(true)}>
          {'Replay all kept\u2026'}
        </button>
      ) : null}
      {data || error ? (
        <Outcome error={error}>
          {data
            ? `${count(data.stored)} stored, ${count(data.duplicates)} stored already, ${count(data.refused)} refused again, ${count(data.skipped)} not tried.`
            : null}
        </Outcome>
      ) : null}
    </div>
  );
}
