import { existsSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { type ErrorCode, errorCodes, errorMessage, MillraceError } from '@millrace/foundation';
import type { Invocation } from '../command.js';
import { textOption } from '../options.js';
import { dataDirOf } from './data-dir.js';
import { socketPath } from './local-socket.js';

/** HTTP to a running process: over its local socket without a token, or to an address with one. */
export interface ApiClient {
  /** What the messages call it: an address or a socket. */
  readonly target: string;
  /** Resolves to the parsed JSON answer (undefined when empty); rejects with MillraceError. */
  call<T = unknown>(method: string, path: string, body?: unknown): Promise<T>;
}

const TIMEOUT_MS = 30_000;

/** The platform that the options name: `--url` with `--token`, else the local socket of the data folder. */
export function platformClient(invocation: Invocation): ApiClient {
  const url = textOption(invocation, 'url');
  if (url !== undefined)
    return remoteClient(url, textOption(invocation, 'token') ?? process.env.MILLRACE_TOKEN);
  return socketClient(dataDirOf(invocation), 'platform', 'millrace up');
}

/** A process on this machine by its socket; `startedBy` is the command that would start it. */
export function socketClient(dataDir: string, role: string, startedBy: string): ApiClient {
  const path = socketPath(dataDir, role);
  const target = `${role} at ${path}`;
  return {
    target,
    async call<T>(method: string, requestPath: string, body?: unknown): Promise<T> {
      const missing = () =>
        new MillraceError(
          'not_found',
          `No ${role} runs on the data folder ${dataDir}: start it with "${startedBy}", or name another folder with --data.`,
        );
      if (!existsSync(path)) throw missing();
      try {
        return (await send({ socketPath: path, path: requestPath, method }, body, target)) as T;
      } catch (error) {
        const { code } = (error as { cause?: { code?: string } }).cause ?? {};
        if (code === 'ECONNREFUSED' || code === 'ENOENT') throw missing();
        if (code === 'EACCES') {
          throw new MillraceError(
            'permission_denied',
            `The socket ${path} belongs to another user: run this as the user that started "${startedBy}".`,
          );
        }
        throw error;
      }
    },
  };
}

function remoteClient(url: string, token: string | undefined): ApiClient {
  let base: URL;
  try {
    base = new URL(url);
  } catch {
    throw new MillraceError(
      'invalid_argument',
      `--url "${url}" is not an address such as http://127.0.0.1:8080.`,
    );
  }
  if (base.protocol !== 'http:' && base.protocol !== 'https:') {
    throw new MillraceError(
      'invalid_argument',
      `--url must begin with http:// or https://, not "${base.protocol}".`,
    );
  }
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return {
    target: base.origin,
    async call<T>(method: string, path: string, body?: unknown): Promise<T> {
      const at = {
        protocol: base.protocol,
        hostname: base.hostname,
        port: base.port,
        path: `${base.pathname.replace(/\/$/, '')}${path}`,
        method,
        headers,
      };
      return (await send(at, body, base.origin)) as T;
    },
  };
}

interface SendOptions {
  readonly protocol?: string;
  readonly hostname?: string;
  readonly port?: string;
  readonly socketPath?: string;
  readonly path: string;
  readonly method: string;
  readonly headers?: Record<string, string>;
}

function send(at: SendOptions, body: unknown, target: string): Promise<unknown> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers = {
    accept: 'application/json',
    ...at.headers,
    ...(text === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
  };
  const make = at.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = make({ ...at, headers, timeout: TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        try {
          resolve(readAnswer(response.statusCode ?? 0, Buffer.concat(chunks).toString('utf8'), target));
        } catch (error) {
          reject(error);
        }
      });
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    request.on('error', (error) =>
      reject(
        new MillraceError('uplink_unavailable', `The ${target} does not answer (${errorMessage(error)}).`, {
          cause: error,
        }),
      ),
    );
    request.end(text);
  });
}

interface Problem {
  readonly error?: string;
  readonly message?: string;
  readonly detail?: string;
  readonly title?: string;
}

function readAnswer(status: number, text: string, target: string): unknown {
  let parsed: unknown;
  try {
    parsed = text === '' ? undefined : JSON.parse(text);
  } catch {
    throw new MillraceError('internal', `The ${target} answered ${status} with something that is not JSON.`);
  }
  if (status >= 200 && status < 300) return parsed;
  const problem = (parsed ?? {}) as Problem;
  const code = problem.error !== undefined && problem.error in errorCodes ? problem.error : byStatus(status);
  const said = problem.detail ?? problem.message ?? problem.title ?? `answered ${status}`;
  throw new MillraceError(code as ErrorCode, said, { details: { status } });
}

function byStatus(status: number): ErrorCode {
  if (status === 401) return 'unauthenticated';
  if (status === 403) return 'permission_denied';
  if (status === 404) return 'not_found';
  if (status === 409) return 'already_exists';
  if (status === 429) return 'limit_exceeded';
  return status >= 500 ? 'internal' : 'invalid_argument';
}
