import type { ServerResponse } from 'node:http';
import { type Clock, errorMessage, type Logger, type Service, type Timer } from '@millrace/foundation';
import { isoAt } from '../api/times.js';
import type { LiveService, LiveUpdate } from '../live/index.js';
import type { Directory } from '../registry/directory.js';
import type { FleetService } from './service.js';

/** Sends a second are at most four. */
const flushMs = 250;
const keepaliveMs = 15_000;
const summaryMs = 2_000;
/** Past kept for clients that come back with Last-Event-ID. */
const ringMax = 2_000;
/** Bytes that may wait for one client; a slower one is cut off and comes back by itself. */
const clientBytesMax = 4 * 1024 * 1024;
export const clientsMax = 500;

interface Item {
  readonly device_id: string;
  readonly ts: string;
  readonly received_at: string;
  readonly d: Record<string, { readonly v: unknown; readonly q: number }>;
}

interface Past {
  readonly id: number;
  readonly tenantId: number;
  readonly event: 'values' | 'device';
  /** Device ids it tells of. */
  readonly items: readonly { readonly device_id: string }[];
}

interface Client {
  readonly tenantId: number;
  /** undefined = every device. */
  readonly devices: ReadonlySet<string> | undefined;
  /** undefined = every kind of event. */
  readonly events: ReadonlySet<string> | undefined;
  readonly response: ServerResponse;
}

/** Server-sent events: values and devices as they change, summaries, keepalives. Bounded in every direction. */
export class StreamHub implements Service {
  readonly #live: LiveService;
  readonly #fleet: FleetService;
  readonly #directory: Directory;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #clients = new Set<Client>();
  readonly #ring: Past[] = [];
  readonly #pending = new Map<number, LiveUpdate>();
  readonly #states = new Map<number, string>();
  #nextId: number;
  /** A look at the fleet is under way; the next one waits for its turn. */
  #looking = false;
  #timers: Timer[] = [];
  #unsubscribe: (() => void) | undefined;
  /** Clients cut off because they did not read, since the start. */
  cutOff = 0;

  constructor(options: {
    live: LiveService;
    fleet: FleetService;
    directory: Directory;
    clock: Clock;
    logger: Logger;
  }) {
    this.#live = options.live;
    this.#fleet = options.fleet;
    this.#directory = options.directory;
    this.#clock = options.clock;
    this.#logger = options.logger;
    // Ids go on rising over restarts, so that an old Last-Event-ID is never taken for a new one.
    this.#nextId = options.clock.nowMs();
  }

  get clients(): number {
    return this.#clients.size;
  }

  async start(): Promise<void> {
    this.#unsubscribe = this.#live.subscribe((updates) => {
      for (const update of updates) {
        const waiting = this.#pending.get(update.deviceNo);
        this.#pending.set(
          update.deviceNo,
          waiting === undefined ? update : { ...update, d: { ...waiting.d, ...update.d } },
        );
      }
    });
    this.#timers = [
      this.#clock.every(flushMs, () => this.#flush()),
      this.#clock.every(keepaliveMs, () => this.#writeAll(':keepalive\n\n')),
      this.#clock.every(1_000, () => this.#guard(this.#sendDevices())),
      this.#clock.every(summaryMs, () => this.#guard(this.#sendSummaries())),
    ];
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.();
    for (const timer of this.#timers.splice(0)) timer.cancel();
    for (const client of this.#clients) client.response.end();
    this.#clients.clear();
  }

  /** Adds a client; the head of the answer is written already. Returns false when there are too many. */
  add(client: Client, lastEventId: number | undefined): boolean {
    if (this.#clients.size >= clientsMax) return false;
    this.#clients.add(client);
    client.response.on('close', () => this.#clients.delete(client));
    client.response.write('retry: 3000\n\n');
    if (lastEventId !== undefined)
      for (const past of this.#ring) if (past.id > lastEventId) this.#sendPast(client, past);
    if (!wants(client, 'summary')) return true;
    this.#guard(
      this.#fleet
        .summary(client.tenantId)
        .then((summary) => this.#write(client, `event: summary\ndata: ${JSON.stringify(summary)}\n\n`)),
    );
    return true;
  }

  #flush(): void {
    if (this.#pending.size === 0) return;
    const byTenant = new Map<number, Item[]>();
    for (const update of this.#pending.values()) {
      const record = this.#directory.byNo(update.deviceNo);
      if (record === undefined || Object.keys(update.d).length === 0) continue;
      const items = byTenant.get(update.tenantId) ?? [];
      byTenant.set(update.tenantId, items);
      items.push({
        device_id: record.deviceId,
        ts: isoAt(update.ts),
        received_at: isoAt(update.receivedAt),
        d: update.d,
      });
    }
    this.#pending.clear();
    for (const [tenantId, items] of byTenant) this.#publish({ tenantId, event: 'values', items });
  }

  /** Devices whose state, worst quality or open gaps changed since the last look. */
  async #sendDevices(): Promise<void> {
    if (this.#clients.size === 0 || this.#looking) return;
    this.#looking = true;
    try {
      await this.#sendChangedDevices();
    } finally {
      this.#looking = false;
    }
  }

  async #sendChangedDevices(): Promise<void> {
    for (const tenantId of new Set([...this.#clients].map((client) => client.tenantId))) {
      const changed = (await this.#fleet.devices(tenantId)).filter((device) => {
        const deviceNo = this.#directory.byId(tenantId, device.device_id)!.deviceNo;
        const mark = JSON.stringify([device.state, device.worst_quality, device.gaps_open]);
        const before = this.#states.get(deviceNo);
        this.#states.set(deviceNo, mark);
        return before !== mark;
      });
      for (const device of changed) this.#publish({ tenantId, event: 'device', items: [device] });
    }
  }

  async #sendSummaries(): Promise<void> {
    for (const tenantId of new Set([...this.#clients].map((client) => client.tenantId))) {
      const text = `event: summary\ndata: ${JSON.stringify(await this.#fleet.summary(tenantId))}\n\n`;
      for (const client of this.#clients)
        if (client.tenantId === tenantId && wants(client, 'summary')) this.#write(client, text);
    }
  }

  #publish(event: Omit<Past, 'id'>): void {
    const past = { ...event, id: ++this.#nextId };
    this.#ring.push(past);
    if (this.#ring.length > ringMax) this.#ring.splice(0, this.#ring.length - ringMax);
    for (const client of this.#clients) this.#sendPast(client, past);
  }

  #sendPast(client: Client, past: Past): void {
    if (client.tenantId !== past.tenantId || !wants(client, past.event)) return;
    const { devices } = client;
    const items = devices === undefined ? past.items : past.items.filter((one) => devices.has(one.device_id));
    if (items.length === 0) return;
    const data = past.event === 'values' ? { items } : items[0];
    this.#write(client, `id: ${past.id}\nevent: ${past.event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  #writeAll(text: string): void {
    for (const client of this.#clients) this.#write(client, text);
  }

  #write(client: Client, text: string): void {
    if (client.response.writableLength + text.length > clientBytesMax) {
      this.cutOff++;
      this.#clients.delete(client);
      client.response.destroy();
      return;
    }
    client.response.write(text);
  }

  #guard(work: Promise<unknown>): void {
    work.catch((error) =>
      this.#logger.warn('The event stream could not be served in full.', { error: errorMessage(error) }),
    );
  }
}

function wants(client: Client, event: string): boolean {
  return client.events === undefined || client.events.has(event);
}
