import { QueryCache, QueryClient } from '@tanstack/react-query';
import { isSignedOut, mayRetry } from './api/client';

/** Why a person stands before the sign-in page again. */
export type LeaveReason = 'expired' | 'signed-out';

let leave: (why: LeaveReason) => void = () => {};

/** Tells how the sign-in page is reached; the router sets it when it exists. */
export function whenLeaving(go: (why: LeaveReason) => void): void {
  leave = go;
}

/** Leaves for the sign-in page. */
export function toSignIn(why: LeaveReason): void {
  leave(why);
}

/** All that was loaded in this session. Any answer that says nobody is signed in ends it. */
export const queryClient = new QueryClient({
  defaultOptions: { queries: { retry: mayRetry, staleTime: 2_000, refetchOnWindowFocus: false } },
  queryCache: new QueryCache({
    onError: (error) => {
      if (isSignedOut(error)) toSignIn('expired');
    },
  }),
});
