import { ApiError, followEvents, type ServerEvent } from '@millrace/client';
import { transport } from '../api/client';
import type { Device, Summary, Value } from '../api/types';
import { after, every, now, wait } from '../lib/clock';

/** A value as it is now, with when it was true and when the platform had it (ms). */
export interface LiveValue {
  readonly v: Value;
  readonly q: number;
  readonly ts: number;
  readonly receivedAt: number;
}

export type LiveValues = Readonly<Record<string, LiveValue>>;

export interface LinkStatus {
  readonly phase: 'connecting' | 'live' | 'lost' | 'refused';
  /** Last bytes from the platform, keepalives included; 0 when there were none. */
  readonly lastContact: number;
  /** When the next attempt is due, while lost. */
  readonly retryAt: number;
}

/** The screen is told at most this often: 4 times a second. */
const flushMs = 250;
/** The platform says something every 15 s at least; longer silence is a lost link. */
const silenceMsMax = 25_000;
/** Values kept a tag for the little trends. */
const trendPointsMax = 240;

interface ValuesItem {
  readonly device_id: string;
  readonly ts: string | number;
  readonly received_at: string | number;
  readonly d: Readonly<Record<string, { readonly v: Value; readonly q: number }>>;
}

/** What the feed hands on beyond values: changed devices and summaries, a batch a flush. */
export interface FeedSink {
  devices(devices: readonly Device[]): void;
  summary(summary: Summary): void;
  signedOut(): void;
}

const millis = (time: string | number): number => (typeof time === 'number' ? time : Date.parse(time));

/** One stream for the page: last values by device, trends, and the state of the link. */
export class LiveFeed {
  #status: LinkStatus = { phase: 'connecting', lastContact: 0, retryAt: 0 };
  #latest = new Map<string, Record<string, LiveValue>>();
  #snapshots = new Map<string, LiveValues>();
  #trends = new Map<string, LiveValue[]>();
  #dirty = new Set<string>();
  #devices = new Map<string, Device>();
  #summary: Summary | undefined;
  #listeners = new Set<() => void>();
  #stop: (() => void) | undefined;
  #flushDue = false;
  #contact = 0;
  #watched: string | undefined;
  sink: FeedSink | undefined;

  /** Follows one device's values; without one only devices and summaries, which is all that a list shows. */
  start(deviceId: string | undefined): void {
    if (this.#stop && this.#watched === deviceId) return;
    this.stop();
    this.#watched = deviceId;
    const session = new AbortController();
    let attempt = new AbortController();
    const call = {
      method: 'GET',
      path: '/v1/stream',
      query: deviceId === undefined ? { events: 'device,summary' } : { devices: deviceId },
    };
    const unwatch = every(5_000, () => {
      if (this.#status.phase !== 'live' || now() - this.#contact < silenceMsMax) return;
      attempt.abort();
    });
    const follow = async () => {
      while (!session.signal.aborted) {
        attempt = new AbortController();
        session.signal.addEventListener('abort', () => attempt.abort(), { once: true });
        await followEvents(transport, call, this.#follower(attempt.signal, session));
        if (!session.signal.aborted) this.#setStatus({ phase: 'lost', retryAt: now() });
      }
    };
    void follow();
    this.#stop = () => {
      session.abort();
      unwatch();
    };
  }

  stop(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  #follower(signal: AbortSignal, session: AbortController) {
    return {
      signal,
      wait,
      onOpen: () => this.#setStatus({ phase: 'live' }),
      onContact: () => {
        this.#contact = now();
        this.#schedule();
      },
      onEvent: (event: ServerEvent) => this.#take(event),
      onLost: (error: ApiError | undefined, waitMs: number) => {
        const refused = error instanceof ApiError && (error.status === 401 || error.status === 403);
        this.#setStatus({ phase: refused ? 'refused' : 'lost', retryAt: now() + waitMs });
        // A device that is not registered has no stream of its own; the page says so, the link stays.
        if (error instanceof ApiError && error.status === 404 && this.#watched !== undefined)
          this.start(undefined);
        if (!refused) return;
        session.abort();
        if (error.status === 401) this.sink?.signedOut();
      },
    };
  }

  #take(event: ServerEvent): void {
    const data: unknown = JSON.parse(event.data);
    if (event.event === 'values')
      for (const item of (data as { items: ValuesItem[] }).items) this.#takeValues(item);
    else if (event.event === 'device') this.#devices.set((data as Device).device_id, data as Device);
    else if (event.event === 'summary') this.#summary = data as Summary;
    this.#schedule();
  }

  #takeValues(item: ValuesItem): void {
    const ts = millis(item.ts);
    const receivedAt = millis(item.received_at);
    for (const [tag, { v, q }] of Object.entries(item.d))
      this.#put(item.device_id, tag, { v, q, ts, receivedAt });
  }

  #put(deviceId: string, tag: string, value: LiveValue): void {
    const values = this.#latest.get(deviceId) ?? {};
    this.#latest.set(deviceId, values);
    const known = values[tag];
    if (known && known.ts > value.ts) return;
    values[tag] = value;
    this.#dirty.add(deviceId);
    if (this.#watched === deviceId && known?.ts !== value.ts) this.#addTrend(`${deviceId}/${tag}`, value);
  }

  #addTrend(key: string, value: LiveValue): void {
    const trend = this.#trends.get(key) ?? [];
    trend.push(value);
    if (trend.length > trendPointsMax) trend.shift();
    this.#trends.set(key, trend);
  }

  /** Values known from elsewhere (the device's resource); older ones never replace newer ones. */
  seed(deviceId: string, values: LiveValues): void {
    for (const [tag, value] of Object.entries(values)) this.#put(deviceId, tag, value);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#flushDue) return;
    this.#flushDue = true;
    after(flushMs, () => this.#flush());
  }

  #flush(): void {
    this.#flushDue = false;
    for (const id of this.#dirty) this.#snapshots.set(id, { ...this.#latest.get(id) });
    this.#dirty.clear();
    if (this.#devices.size > 0) this.sink?.devices([...this.#devices.values()]);
    this.#devices.clear();
    if (this.#summary) this.sink?.summary(this.#summary);
    this.#summary = undefined;
    this.#status = { ...this.#status, lastContact: this.#contact };
    this.#tell();
  }

  #setStatus(change: Partial<LinkStatus>): void {
    this.#status = { ...this.#status, lastContact: this.#contact, ...change };
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  values(deviceId: string): LiveValues | undefined {
    return this.#snapshots.get(deviceId);
  }

  trend(deviceId: string, tag: string): readonly LiveValue[] {
    return this.#trends.get(`${deviceId}/${tag}`) ?? [];
  }

  get status(): LinkStatus {
    return this.#status;
  }
}

/** The page's feed. */
export const feed = new LiveFeed();
