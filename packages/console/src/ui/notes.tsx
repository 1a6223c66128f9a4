import { ApiError } from '@millrace/client';
import type { ReactNode } from 'react';
import { isForbidden } from '../api/client';
import { Glyph } from './marks';

/** Nothing here, and why that is, and what would change it. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="note">
      <h2>{title}</h2>
      {children ? <div className="quiet">{children}</div> : null}
    </div>
  );
}

/** What failed, why, and what to do about it. A refused right is told apart: trying again would not help. */
export function Problem({ what, error, retry }: { what: string; error: unknown; retry?: () => void }) {
  if (isForbidden(error)) return <NoPermission what={what} />;
  const why = error instanceof Error ? error.message : 'The reason is not known.';
  const network = error instanceof ApiError && error.code === 'network';
  return (
    <div className="note" role="alert">
      <h2>
        <span className="mark" data-level="bad">
          <Glyph shape="cross" />
        </span>
        {what} could not be loaded
      </h2>
      <p className="quiet">{why}</p>
      <p className="quiet">
        {network
          ? 'Check that the platform is running and that this computer reaches it. It is tried again by itself.'
          : 'Try again. If it stays, the platform\u2019s log names the cause.'}
      </p>
      {retry ? (
        <button type="button" className="button" onClick={retry}>
          Try again
        </button>
      ) : null}
    </div>
  );
}

/** The viewer's role does not reach this. */
export function NoPermission({ what }: { what: string }) {
  return (
    <div className="note" role="alert">
      <h2>
        <Glyph shape="diamond" /> No permission
      </h2>
      <p className="quiet">
        {what}: your role does not include this. Ask an administrator of this tenant for a role that does.
      </p>
    </div>
  );
}

/** Grey lines in the place of what is loading. */
export function Skeleton({ rows, label }: { rows: number; label: string }) {
  return (
    <div role="status" className="skeleton-block">
      <span className="visually-hidden">Loading {label}</span>
      {Array.from({ length: rows }, (_, i) => (
        <span key={`row-${String(i)}`} className="skeleton" style={{ width: `${50 + ((i * 37) % 45)}%` }} />
      ))}
    </div>
  );
}
