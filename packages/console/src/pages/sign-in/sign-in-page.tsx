import { ApiError } from '@millrace/client';
import { useLocation, useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { api } from '../../api/client';
import { queryClient } from '../../session';
import { Glyph } from '../../ui/marks';

/** Redeems a one-time link, or says how to get one. The token leaves the URL before anything else happens. */
export function SignInPage() {
  const { token: asked, next, why } = useSearch({ from: '/sign-in' });
  const { hash } = useLocation();
  // A link carries its secret behind `#`, which no server and no log ever sees; `?token=` is understood too.
  const token = asked ?? (hash === '' ? undefined : hash);
  const navigate = useNavigate();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(token !== undefined);
  const redeemed = useRef<string | undefined>(undefined);
  useEffect(() => {
    if (token === undefined || redeemed.current === token) return;
    // Development renders effects twice; a one-time token must be sent once.
    redeemed.current = token;
    window.history.replaceState(null, '', '/sign-in');
    const redeem = async () => {
      try {
        await api.createSession({ token });
        queryClient.clear();
        await navigate({ to: safeNext(next), replace: true });
      } catch (cause) {
        setError(cause);
        setBusy(false);
        await navigate({ to: '/sign-in', search: {}, replace: true });
      }
    };
    void redeem();
  }, [token, next, navigate]);
  return (
    <main className="alone">
      <div className="sign-in">
        <p className="product">Millrace</p>
        {busy ? <p role="status">Signing in</p> : <HowTo why={why} error={error} />}
      </div>
    </main>
  );
}

/** Only a path of this console: a link must not send a signed-in person elsewhere. */
function safeNext(next: string | undefined): string {
  return next?.startsWith('/') && !next.startsWith('//') && !next.startsWith('/\\') ? next : '/';
}

function reason(error: unknown): string {
  if (!(error instanceof ApiError)) return 'The link could not be redeemed.';
  if (error.status === 0)
    return 'The platform cannot be reached. Check that it is running, then open the link again.';
  if (error.status === 429) return 'Too many attempts. Wait a minute, then get a new link.';
  return 'The link was used already, has expired or is not complete. Get a new one.';
}

function HowTo({ why, error }: { why: string | undefined; error: unknown }) {
  return (
    <>
      <h1>Sign in</h1>
      {error ? (
        <p role="alert" className="mark sign-in-error" data-level="bad">
          <Glyph shape="cross" />
          {reason(error)}
        </p>
      ) : null}
      {why === 'expired' && !error ? (
        <p role="status">Your session has ended. Sign in again to go on where you were.</p>
      ) : null}
      {why === 'signed-out' ? <p role="status">You are signed out.</p> : null}
      <p className="quiet">Signing in takes a one-time link. On the machine that runs the platform, enter:</p>
      <pre>
        <code>npx millrace sign-in-link</code>
      </pre>
      <p className="quiet">
        Open the link it prints in this browser. It works once and only for a short time. When you are not on
        that machine, ask an administrator for a link.
      </p>
    </>
  );
}
