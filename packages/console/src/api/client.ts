import { type Api, ApiError, createApi, createTransport, type Transport } from '@millrace/client';

/** Calls go to the page's own origin with the session's cookie. */
export const transport: Transport = createTransport({ baseUrl: '' });

/** The API, one function an operation. */
export const api: Api = createApi(transport);

/** Whether an error says that nobody is signed in. */
export function isSignedOut(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401;
}

/** Whether an error says that the viewer's role does not reach this far. */
export function isForbidden(error: unknown): boolean {
  return error instanceof ApiError && error.status === 403;
}

/** Whether trying again could help: not after an answer that says the question is wrong. */
export function mayRetry(failures: number, error: unknown): boolean {
  if (error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429)
    return false;
  return failures < 2;
}
