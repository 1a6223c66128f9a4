import type { TagValue } from '@millrace/contracts';
import { deviceTypes, qualityWords } from '@millrace/contracts';
import { type Clock, errorMessage, type Logger, type Service, type Timer } from '@millrace/foundation';
import type { Database } from '../database/index.js';
import { type Batch, RowState } from '../ingest/batch.js';
import type { DeviceDirectory } from '../ingest/device-directory.js';
import type { BatchListener } from '../ingest/publish.js';
import { buildLayouts } from '../ingest/table-layout.js';
import { LiveDevice, type LiveValue } from './live-device.js';
import { type DeviceState, decideState } from './model.js';
import { Rates, type RatesNow } from './rates.js';
import { catchUp, loadStates, saveStates } from './store.js';

/** What changed at one device since the last update; times in ms. */
export interface LiveUpdate {
  readonly deviceNo: number;
  readonly tenantId: number;
  readonly ts: number;
  readonly receivedAt: number;
  readonly d: Readonly<Record<string, { readonly v: TagValue; readonly q: number }>>;
}

/** A device as it is now. */
export interface LiveView {
  readonly state: DeviceState;
  readonly stateReason: string;
  /** ms; 0 = never. */
  readonly lastSeen: number;
  readonly lastTs: number;
  readonly fwVersion: string | undefined;
  readonly schemaVersion: string | undefined;
}

export interface LiveOptions {
  readonly database: Database;
  readonly directory: DeviceDirectory;
  readonly clock: Clock;
  readonly logger: Logger;
  /** True where other processes write the readings: what they committed is read from the database. */
  readonly follow?: boolean;
}

const updatePeriodMs = 200;
/** How often a process that follows looks at the database. */
const followPeriodMs = 1_000;
const savePeriodMs = 10_000;

/**
 * Last-known values of every device, in memory. Updates are coalesced: a subscriber gets what changed since the last
 * time, five times a second, so that its work is bounded by the number of tags and not by the rate of messages.
 */
export class LiveService implements Service, BatchListener {
  readonly #options: LiveOptions;
  readonly #layouts = buildLayouts(deviceTypes.values());
  readonly #devices = new Map<number, LiveDevice>();
  readonly #changed = new Set<LiveDevice>();
  readonly #unsaved = new Set<LiveDevice>();
  readonly #subscribers = new Set<(updates: readonly LiveUpdate[]) => void>();
  readonly #rates = new Map<number, Rates>();
  #timers: Timer[] = [];
  #following: Promise<void> | undefined;

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { database, clock } = this.#options;
    for (const { deviceNo, state } of await loadStates(database.owner))
      this.#device(deviceNo)?.restore(state);
    await this.#catchUp();
    for (const device of this.#devices.values()) device.takeChanged();
    this.#timers = [
      clock.every(updatePeriodMs, () => this.#sendUpdates()),
      this.#options.follow === true
        ? clock.every(followPeriodMs, () => void this.#follow())
        : clock.every(savePeriodMs, () => void this.#save()),
    ];
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers.splice(0)) timer.cancel();
    await this.#following;
    if (this.#options.follow !== true) await this.#save();
  }

  committed(batch: Batch): void {
    const nowMs = this.#options.clock.nowMs();
    for (let row = 0; row < batch.length; row++) {
      if (batch.state[row] !== RowState.live) continue;
      const route = batch.routes[row]!;
      const device = this.#device(route.entry.deviceNo);
      if (device === undefined) continue;
      const rates = this.#ratesOf(device.tenantId);
      rates.add(nowMs, 1, device.take(batch, row));
      device.fwVersion = route.fwVersion ?? device.fwVersion;
      device.schemaVersion = route.schemaVersion ?? device.schemaVersion;
      this.#changed.add(device);
      if ((row & 63) === 0) rates.addDelay(Math.max(0, nowMs - batch.ts[row]!));
    }
    for (const event of batch.events)
      if (event.type === 'online' || event.type === 'offline')
        this.#said(event.deviceNo, event.type === 'online', event.ts, event.body);
  }

  /** Tells of a connection as the front door sees it (a lost one without a will, for example). */
  connectionChanged(deviceNo: number, online: boolean, reason: string | undefined, atMs: number): void {
    const device = this.#device(deviceNo);
    if (device === undefined || atMs < device.onlineAt) return;
    device.online = online;
    device.onlineReason = reason;
    device.onlineAt = atMs;
    this.#changed.add(device);
  }

  /** The device as it is now; undefined when it is not registered. */
  view(deviceNo: number): LiveView | undefined {
    const device = this.#device(deviceNo);
    const entry = this.#options.directory.byNo(deviceNo);
    if (device === undefined || entry === undefined) return undefined;
    const gateway =
      entry.gatewayDeviceId === null
        ? undefined
        : this.#options.directory.byId(entry.tenantId, entry.gatewayDeviceId);
    const through = gateway === undefined ? undefined : this.#devices.get(gateway.deviceNo);
    const allBad = device.allBad();
    const { state, reason } = decideState(
      {
        ...(allBad === undefined ? {} : { allBad: { since: allBad.since, words: qualityWords(allBad.q) } }),
        lastSeen: device.lastSeen,
        online: device.online,
        onlineAt: device.onlineAt,
        onlineReason: device.onlineReason,
        ...(gateway === undefined || through === undefined
          ? {}
          : {
              gateway: {
                deviceId: gateway.deviceId,
                online: through.online,
                onlineAt: through.onlineAt,
                onlineReason: through.onlineReason,
              },
            }),
      },
      this.#options.clock.nowMs(),
    );
    const { lastSeen, lastTs, fwVersion, schemaVersion } = device;
    return { state, stateReason: reason, lastSeen, lastTs, fwVersion, schemaVersion };
  }

  /** Last-known value of every tag that was ever reported, in the contract's order. */
  values(deviceNo: number): LiveValue[] {
    return this.#device(deviceNo)?.values() ?? [];
  }

  /** Calls `listener` with what changed, at most five times a second. Returns how to end it. */
  subscribe(listener: (updates: readonly LiveUpdate[]) => void): () => void {
    this.#subscribers.add(listener);
    return () => this.#subscribers.delete(listener);
  }

  /** Takes what another process committed; the database says the same a second later, with all particulars. */
  takeShown(updates: readonly LiveUpdate[]): void {
    for (const { deviceNo, ts, receivedAt, d } of updates) {
      const device = this.#device(deviceNo);
      if (device === undefined) continue;
      for (const [tag, { v, q }] of Object.entries(d))
        device.restoreValue(tag, { v, q, ts, receivedAt, sourceTs: null });
      if (receivedAt > device.lastSeen) device.lastSeen = receivedAt;
      this.#changed.add(device);
    }
  }

  /**
   * Messages and values a second over ten seconds; delay from time stamp to commit, ms. Of one tenant, or - for the
   * platform's own metrics only - of all together.
   */
  rates(tenantId?: number): RatesNow {
    const nowMs = this.#options.clock.nowMs();
    if (tenantId !== undefined) return this.#ratesOf(tenantId).read(nowMs);
    const all = [...this.#rates.values()].map((rates) => rates.read(nowMs));
    return {
      messagesPerS: all.reduce((sum, each) => sum + each.messagesPerS, 0),
      valuesPerS: all.reduce((sum, each) => sum + each.valuesPerS, 0),
      delayMsP50: Math.max(0, ...all.map((each) => each.delayMsP50)),
      delayMsP99: Math.max(0, ...all.map((each) => each.delayMsP99)),
    };
  }

  async #catchUp(): Promise<void> {
    for (const entry of this.#options.directory.all()) this.#device(entry.deviceNo);
    for (const layout of this.#layouts.byDeviceType.values()) {
      const devices = [...this.#devices].filter(([, device]) => device.layout === layout);
      await catchUp(this.#options.database.owner, layout, new Map(devices));
    }
  }

  /** One look at the database; while it runs, or is away, the next one is left out or does the work of both. */
  #follow(): Promise<void> {
    this.#following ??= this.#look()
      .catch((error: Error) =>
        this.#options.logger.warn('Last-known values could not be read; the next second tries again.', {
          error: error.message,
        }),
      )
      .finally(() => {
        this.#following = undefined;
      });
    return this.#following;
  }

  async #look(): Promise<void> {
    const { database, clock } = this.#options;
    for (const { deviceNo, state } of await loadStates(database.owner)) {
      const device = this.#device(deviceNo);
      if (device !== undefined && state.onlineAt > device.onlineAt) {
        device.online = state.online ?? undefined;
        device.onlineReason = state.onlineReason ?? undefined;
        device.onlineAt = state.onlineAt;
        this.#changed.add(device);
      }
    }
    const before = new Map([...this.#devices.values()].map((device) => [device, device.lastTs]));
    await this.#catchUp();
    for (const device of this.#devices.values()) {
      if (device.lastTs === (before.get(device) ?? 0)) continue;
      this.#changed.add(device);
      this.#ratesOf(device.tenantId).add(clock.nowMs(), 1, device.values().length);
    }
  }

  #ratesOf(tenantId: number): Rates {
    let rates = this.#rates.get(tenantId);
    if (rates === undefined) {
      rates = new Rates();
      this.#rates.set(tenantId, rates);
    }
    return rates;
  }

  #said(deviceNo: number, online: boolean, ts: number, body: string): void {
    const reason = (JSON.parse(body) as { reason?: unknown }).reason;
    this.connectionChanged(deviceNo, online, typeof reason === 'string' ? reason : undefined, ts);
  }

  #device(deviceNo: number): LiveDevice | undefined {
    const found = this.#devices.get(deviceNo);
    if (found !== undefined) return found;
    const entry = this.#options.directory.byNo(deviceNo);
    const layout = entry === undefined ? undefined : this.#layouts.byDeviceType.get(entry.deviceType);
    if (entry === undefined || layout === undefined) return undefined;
    const made = new LiveDevice(deviceNo, entry.tenantId, layout);
    this.#devices.set(deviceNo, made);
    return made;
  }

  #sendUpdates(): void {
    if (this.#changed.size === 0) return;
    const devices = [...this.#changed];
    this.#changed.clear();
    for (const device of devices) this.#unsaved.add(device);
    if (this.#subscribers.size === 0) return;
    const updates = devices.map((device): LiveUpdate => {
      const { deviceNo, tenantId, lastTs, lastSeen } = device;
      return { deviceNo, tenantId, ts: lastTs, receivedAt: lastSeen, d: device.takeChanged() };
    });
    for (const subscriber of this.#subscribers) {
      try {
        subscriber(updates);
      } catch (error) {
        this.#options.logger.error('A listener of live values failed.', { error: errorMessage(error) });
      }
    }
  }

  /** A checkpoint of what is known; when it fails, the next one holds it too. */
  async #save(): Promise<void> {
    for (const device of this.#changed) this.#unsaved.add(device);
    const devices = [...this.#unsaved];
    this.#unsaved.clear();
    try {
      await saveStates(this.#options.database.owner, devices);
    } catch (error) {
      for (const device of devices) this.#unsaved.add(device);
      this.#options.logger.warn('Last-known values could not be saved.', { error: errorMessage(error) });
    }
  }
}
