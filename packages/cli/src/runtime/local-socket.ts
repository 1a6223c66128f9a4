import { chmodSync, existsSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join, relative } from 'node:path';
import { errorMessage, isMillraceError, type Logger, MillraceError } from '@millrace/foundation';

/** sun_path holds 108 bytes with the closing zero on Linux (unix(7)), 104 on macOS. */
const SOCKET_PATH_BYTES_MAX = 103;
const BODY_BYTES_MAX = 4 * 1024 * 1024;

export type LocalHandler = (request: IncomingMessage, response: ServerResponse) => void;
/** A route by `METHOD /path`; gets the JSON body, gives the JSON answer. */
export type LocalRoutes = Readonly<Record<string, (body: unknown) => unknown | Promise<unknown>>>;

/**
 * Where a role's socket is, as a path short enough for the system: relative to the working folder when the
 * absolute one is too long.
 */
export function socketPath(dataDir: string, role: string): string {
  const absolute = join(dataDir, 'run', `${role}.sock`);
  if (Buffer.byteLength(absolute) <= SOCKET_PATH_BYTES_MAX) return absolute;
  const near = relative(process.cwd(), absolute);
  if (Buffer.byteLength(near) <= SOCKET_PATH_BYTES_MAX) return near;
  throw new MillraceError(
    'invalid_argument',
    `The data folder ${dataDir} has too long a name for a local socket: choose one of fewer than 80 characters with --data.`,
  );
}

export interface LocalSocket {
  close(): Promise<void>;
}

/**
 * Opens a role's local socket. Mode 0600: whoever may open it is this user, which is what its lack of a token
 * rests on. The data folder's lock is held by now, so a socket file found here is a dead one.
 */
export async function openLocalSocket(
  dataDir: string,
  role: string,
  handler: LocalHandler,
): Promise<LocalSocket> {
  const path = socketPath(dataDir, role);
  if (existsSync(path)) rmSync(path, { force: true });
  const server = createServer(handler);
  // A umask is the only way without a moment in which the socket is open to others.
  const umask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
    chmodSync(path, 0o600);
  } catch (error) {
    throw new MillraceError(
      'data_dir_unwritable',
      `The local socket ${path} cannot be opened (${errorMessage(error)}): check the rights of the data folder.`,
      { cause: error },
    );
  } finally {
    process.umask(umask);
  }
  return { close: () => closeServer(server) };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** A handler over a few JSON routes, for roles that have no API of their own. */
export function jsonHandler(routes: LocalRoutes, logger: Logger): LocalHandler {
  return (request, response) => {
    void answer(routes, request, logger).then(({ status, body }) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    });
  };
}

async function answer(
  routes: LocalRoutes,
  request: IncomingMessage,
  logger: Logger,
): Promise<{ status: number; body: unknown }> {
  const name = `${request.method} ${(request.url ?? '/').split('?')[0]}`;
  const route = routes[name];
  if (!route) return { status: 404, body: { error: 'not_found', message: `There is no ${name} here.` } };
  try {
    return { status: 200, body: (await route(await readJson(request))) ?? {} };
  } catch (error) {
    if (!isMillraceError(error)) logger.error('a local request failed', { request: name, error });
    const code = isMillraceError(error) ? error.code : 'internal';
    const status = code === 'not_found' ? 404 : code === 'internal' ? 500 : 400;
    return { status, body: { error: code, message: errorMessage(error), detail: errorMessage(error) } };
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) {
      throw new MillraceError('limit_exceeded', `The request is larger than ${BODY_BYTES_MAX} bytes.`);
    }
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new MillraceError('invalid_argument', 'The request body is not JSON.');
  }
}
