import type { ApiError, Call, Transport } from './transport.js';

/** One event of a stream (HTML Living Standard, 9.2). */
export interface ServerEvent {
  readonly event: string;
  readonly data: string;
  readonly id: string | undefined;
}

/** A line longer than this ends the stream: nothing that the API sends comes near it. */
const lineCharsMax = 4_000_000;

/** Parses the text/event-stream format piece by piece (HTML Living Standard, 9.2.6). */
export class EventParser {
  #rest = '';
  #event = '';
  #data: string[] = [];
  #id: string | undefined;
  /** Milliseconds that the server asked a client to wait before it connects again. */
  retryMs: number | undefined;

  /** Takes the next piece of text and returns the events it completed. */
  push(text: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    const all = this.#rest + text;
    // A CR at the very end may be half of a CRLF: it waits for the next piece.
    const end = all.endsWith('\r') ? all.length - 1 : all.length;
    const lines = all.slice(0, end).split(/\r\n|\n|\r/);
    this.#rest = (lines.pop() ?? '') + all.slice(end);
    if (this.#rest.length > lineCharsMax) throw new RangeError('The event stream sent a line without end.');
    for (const line of lines) {
      const done = this.#line(line);
      if (done) events.push(done);
    }
    return events;
  }

  #line(line: string): ServerEvent | undefined {
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    if (colon === 0) return undefined;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.#event = value;
    else if (field === 'data') this.#data.push(value);
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
    else if (field === 'retry' && /^\d+$/.test(value)) this.retryMs = Number(value);
    return undefined;
  }

  #dispatch(): ServerEvent | undefined {
    const data = this.#data;
    const event = this.#event || 'message';
    this.#data = [];
    this.#event = '';
    return data.length === 0 ? undefined : { event, data: data.join('\n'), id: this.#id };
  }
}

/** What a follower of a stream wants to hear. */
export interface FollowOptions {
  readonly signal: AbortSignal;
  readonly onEvent: (event: ServerEvent) => void;
  /** Any bytes at all, keepalives too. */
  readonly onContact: () => void;
  readonly onOpen: () => void;
  /** The connection ended or could not be made; a new attempt follows after `waitMs`. */
  readonly onLost: (error: ApiError | undefined, waitMs: number) => void;
  /** Waits; resolves early when the signal aborts. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Longest pause between attempts. */
const retryMsMax = 15_000;

/** Follows a stream until `signal` aborts, connecting again with Last-Event-ID (3 s unless the server says otherwise). */
export async function followEvents(transport: Transport, call: Call, options: FollowOptions): Promise<void> {
  let lastId: string | undefined;
  let baseMs = 3_000;
  let failures = 0;
  while (!options.signal.aborted) {
    let error: ApiError | undefined;
    try {
      const headers = { ...call.headers, ...(lastId === undefined ? {} : { 'last-event-id': lastId }) };
      const response = await transport.open({ ...call, headers, signal: options.signal });
      failures = 0;
      options.onOpen();
      const parser = new EventParser();
      await readPieces(response, (text) => {
        options.onContact();
        for (const event of parser.push(text)) {
          lastId = event.id ?? lastId;
          options.onEvent(event);
        }
        baseMs = parser.retryMs ?? baseMs;
      });
    } catch (cause) {
      error = cause as ApiError;
    }
    if (options.signal.aborted) return;
    const waitMs = Math.min(
      retryMsMax,
      error?.retryAfterS ? error.retryAfterS * 1000 : baseMs * 2 ** failures,
    );
    failures = Math.min(failures + 1, 5);
    options.onLost(error, waitMs);
    await options.wait(waitMs, options.signal);
  }
}

async function readPieces(response: Response, onText: (text: string) => void): Promise<void> {
  if (!response.body) return;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    onText(decoder.decode(value as Uint8Array, { stream: true }));
  }
}
