/** Where and as whom to call. Without a token the browser's session cookie is used. */
export interface TransportOptions {
  /** Origin of the API, e.g. `http://127.0.0.1:8080`; '' for the page's own origin. */
  readonly baseUrl: string;
  readonly token?: string;
  readonly fetch?: typeof fetch;
}

export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/** One call of the API, as the generated functions make it. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly query?: Query;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Carries calls to the API. */
export interface Transport {
  /** The parsed JSON answer (undefined for 204); throws `ApiError`. */
  request<T>(call: Call): Promise<T>;
  /** The unread answer, for streams; throws `ApiError`. */
  open(call: Call): Promise<Response>;
}

/** `network`: no answer at all. Every other code is the API's own `error` field. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(
    /** HTTP status; 0 when no answer came. */
    readonly status: number,
    readonly code: string,
    message: string,
    readonly retryAfterS?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Creates the transport that fetches over HTTP. */
export function createTransport(options: TransportOptions): Transport {
  const send = options.fetch ?? ((input: string | URL | Request, init?: RequestInit) => fetch(input, init));
  async function open(call: Call): Promise<Response> {
    const init: RequestInit = {
      method: call.method,
      headers: {
        accept: 'application/json, text/event-stream',
        ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
        ...call.headers,
      },
      credentials: 'same-origin',
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    };
    let response: Response;
    try {
      response = await send(`${options.baseUrl}${call.path}${queryString(call.query)}`, init);
    } catch (cause) {
      if (call.signal?.aborted) throw cause;
      throw new ApiError(0, 'network', 'The platform cannot be reached.', undefined, { cause });
    }
    if (!response.ok) throw await errorOf(response);
    return response;
  }
  return {
    open,
    async request<T>(call: Call): Promise<T> {
      const response = await open(call);
      if (response.status === 204) return undefined as T;
      return (await response.json()) as T;
    },
  };
}

/** `?a=1&b=x,y`, or '' when nothing is set; lists are comma-separated. */
export function queryString(query: Query | undefined): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value === undefined) continue;
    parameters.set(name, Array.isArray(value) ? value.join(',') : String(value));
  }
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}

async function errorOf(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => undefined);
  const problem = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  const text = (name: string) => (typeof problem[name] === 'string' ? (problem[name] as string) : undefined);
  const message =
    text('message') ?? text('detail') ?? text('title') ?? `The platform answered ${response.status}.`;
  const retryAfter = Number(response.headers.get('retry-after'));
  return new ApiError(
    response.status,
    text('error') ?? `http_${response.status}`,
    message,
    Number.isFinite(retryAfter) && retryAfter > 0 ? retryAfter : undefined,
  );
}
