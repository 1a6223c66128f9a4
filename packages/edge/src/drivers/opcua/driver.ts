import { Quality, type QualityCode, qualityFromOpcUa, qualityStatus } from '@millrace/contracts';
import { sleep, type Timer } from '@millrace/foundation';
import {
  AttributeIds,
  ClientMonitoredItemGroup,
  type ClientSession,
  type ClientSubscription,
  DataChangeFilter,
  DataChangeTrigger,
  DataType,
  type DataValue,
  DeadbandType,
  type OPCUAClient,
  TimestampsToReturn,
} from 'node-opcua';
import type { TagPlan } from '../../config/plan.js';
import {
  addSample,
  type Driver,
  type DriverContext,
  type DriverState,
  type DriverStats,
  newSampleBatch,
  type RawValue,
} from '../driver.js';
import type { Config } from './config.js';
import { createClient, createSession, openPki, type Pki } from './session.js';
import { explain } from './trouble.js';

type TagConfig = Config['devices'][string]['tags'][string];

interface Item {
  readonly tag: TagPlan;
  readonly settings: TagConfig;
  /** Last sample as the server gave it; repeated for liveness. */
  value: RawValue;
  quality: QualityCode;
  emittedMs: number;
}

const reconnectBackoff = { firstMs: 1000, maxMs: 10_000 };
const livenessEveryMs = 1000;

export function createDriver(context: DriverContext<Config>): Driver {
  return new OpcUaDriver(context);
}

/** Keeps one session with one subscription alive and turns its notifications into samples. */
class OpcUaDriver implements Driver {
  readonly #context: DriverContext<Config>;
  readonly #items: readonly Item[];
  readonly #batch = newSampleBatch();
  readonly #stop = new AbortController();
  #pki: Pki | undefined;
  #running: Promise<void> | undefined;
  #flushTimer: Timer | undefined;
  #livenessTimer: Timer | undefined;
  #live = false;
  #state: DriverState | undefined;
  #reason: string | undefined;
  #requests = 0;
  #failures = 0;
  #samples = 0;
  #aliveAtMs = 0;

  constructor(context: DriverContext<Config>) {
    this.#context = context;
    this.#items = Object.entries(context.config.devices).flatMap(([deviceId, device]) =>
      Object.entries(device.tags).map(([name, settings]) => ({
        tag: context.find(deviceId, name),
        settings,
        value: null,
        quality: Quality.bad,
        emittedMs: Number.NEGATIVE_INFINITY,
      })),
    );
  }

  /** Throws when the gateway's own files are wrong; an absent server is no reason to. */
  async start(): Promise<void> {
    if (this.#running) return;
    const { clock } = this.#context;
    this.#aliveAtMs = clock.monotonicMs();
    this.#pki = await openPki(this.#context);
    this.#livenessTimer = clock.every(livenessEveryMs, () => this.#repeatSilent());
    this.#running = this.#run(this.#pki);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#livenessTimer?.cancel();
    this.#flushTimer?.cancel();
    await this.#running;
    await this.#pki?.manager.dispose();
  }

  stats(): DriverStats {
    const { publishing_ms, keepalive, session_timeout_s } = this.#context.config;
    return {
      state: this.#state ?? 'disconnected',
      requests: this.#requests,
      failures: this.#failures,
      samples: this.#samples,
      aliveAtMs: this.#aliveAtMs,
      aliveEveryMs: publishing_ms * keepalive + session_timeout_s * 1000,
    };
  }

  async #run(pki: Pki): Promise<void> {
    const { clock } = this.#context;
    let failed = 0;
    while (!this.#stop.signal.aborted) {
      this.#requests++;
      const before = clock.monotonicMs();
      const reason = await this.#connectUntilLost(pki);
      this.#aliveAtMs = clock.monotonicMs();
      if (this.#stop.signal.aborted) return;
      this.#failures++;
      this.#onLost(reason);
      // A connection that lasted begins the waits anew.
      failed = this.#aliveAtMs - before > 30_000 ? 1 : failed + 1;
      await sleep(
        clock,
        Math.min(reconnectBackoff.firstMs * 2 ** (failed - 1), reconnectBackoff.maxMs),
        this.#stop.signal,
      );
    }
  }

  /** One connection from its first packet to its end; resolves with why it ended. */
  async #connectUntilLost(pki: Pki): Promise<string> {
    const { config } = this.#context;
    const client = createClient(this.#context, pki);
    let session: ClientSession | undefined;
    const ended = this.#ending(client, () => session);
    try {
      await client.connect(config.url);
      if (this.#stop.signal.aborted) return 'stopped';
      session = await createSession(client, this.#context);
      const subscription = await this.#subscribe(session);
      subscription.on('terminated', () => ended.end('the server ended the subscription'));
      subscription.on('status_changed', (status) =>
        ended.end(`the subscription ended (${status.toString()})`),
      );
      subscription.on('keepalive', () => this.#onAlive());
      this.#onLive();
      return await ended.promise;
    } catch (error) {
      return explain(error, config.url, { own: pki.ownCertificate, rejected: pki.rejectedDir });
    } finally {
      this.#live = false;
      ended.release();
      await closeQuietly(client, session);
    }
  }

  /** Watches a connection: a loss is given the session's time-out to heal before everything is made anew. */
  #ending(client: OPCUAClient, session: () => ClientSession | undefined) {
    const { clock, config } = this.#context;
    let finish: (reason: string) => void = () => {};
    let healTimer: Timer | undefined;
    const promise = new Promise<string>((resolve) => {
      finish = resolve;
    });
    const onAbort = () => finish('stopped');
    this.#stop.signal.addEventListener('abort', onAbort, { once: true });
    client.on('connection_lost', () => {
      this.#live = false;
      const reason = `the connection to ${config.url} was lost`;
      this.#onLost(reason);
      healTimer?.cancel();
      healTimer = clock.after(config.session_timeout_s * 1000, () => finish(reason));
    });
    client.on('connection_reestablished', () => {
      healTimer?.cancel();
      const current = session();
      if (!current) return;
      // Values that did not change are not notified again, so they are read once.
      this.#readAll(current).then(
        () => this.#onLive(),
        (error: unknown) => finish(`the session could not be taken up again (${String(error)})`),
      );
    });
    client.on('close', () => finish(`${config.url} closed the connection`));
    return {
      promise,
      end: (reason: string) => finish(reason),
      release: () => {
        healTimer?.cancel();
        this.#stop.signal.removeEventListener('abort', onAbort);
      },
    };
  }

  async #subscribe(session: ClientSession): Promise<ClientSubscription> {
    const { config, logger } = this.#context;
    const subscription = await session.createSubscription2({
      requestedPublishingInterval: config.publishing_ms,
      requestedLifetimeCount: config.lifetime,
      requestedMaxKeepAliveCount: config.keepalive,
      maxNotificationsPerPublish: 0,
      publishingEnabled: true,
      priority: 1,
    });
    for (const [, items] of this.#groups()) {
      const first = items[0]!.settings;
      const group = ClientMonitoredItemGroup.create(
        subscription,
        items.map((item) => ({ nodeId: item.settings.node, attributeId: AttributeIds.Value })),
        {
          samplingInterval: first.sampling_ms ?? config.sampling_ms,
          queueSize: first.queue ?? config.queue,
          discardOldest: true,
          ...filterOf(first),
        },
        TimestampsToReturn.Both,
      );
      group.on('changed', (_monitored, dataValue, index) => this.#onValue(items[index]!, dataValue));
      await new Promise<void>((resolve, reject) => {
        group.on('initialized', resolve);
        group.on('err', (message) => reject(new Error(message)));
      });
      group.monitoredItems.forEach((monitored, index) => {
        const status = monitored.statusCode;
        if (!status || status.value === 0) return;
        const item = items[index]!;
        logger.error('The server refuses a tag; look at its node id and settings.', {
          device_id: item.tag.device.address.deviceId,
          tag: item.tag.name,
          node: item.settings.node,
          status: status.toString(),
        });
        this.#push(item, null, Quality.bad, this.#context.clock.nowMs());
      });
    }
    return subscription;
  }

  /** Tags with the same monitoring parameters are created in one request. */
  #groups(): Map<string, Item[]> {
    const groups = new Map<string, Item[]>();
    for (const item of this.#items) {
      const { sampling_ms, queue, server_deadband } = item.settings;
      const key = JSON.stringify([sampling_ms, queue, server_deadband]);
      const group = groups.get(key);
      if (group) group.push(item);
      else groups.set(key, [item]);
    }
    return groups;
  }

  async #readAll(session: ClientSession): Promise<void> {
    this.#requests++;
    const values = await session.read(
      this.#items.map((item) => ({ nodeId: item.settings.node, attributeId: AttributeIds.Value })),
    );
    values.forEach((value, index) => {
      this.#onValue(this.#items[index]!, value);
    });
  }

  #onValue(item: Item, dataValue: DataValue): void {
    this.#onAlive();
    const quality = qualityFromOpcUa(dataValue.statusCode.value);
    // A server that says bad sends whatever it has, often zero: the value of a bad reading is no value.
    const value = qualityStatus(quality) === 'bad' ? null : rawValue(dataValue);
    const sourceMs =
      dataValue.sourceTimestamp?.getTime() ??
      dataValue.serverTimestamp?.getTime() ??
      this.#context.clock.nowMs();
    this.#push(item, value, quality, sourceMs);
  }

  /** Notifications of one publish response arrive in one turn; they leave as one batch. */
  #push(item: Item, value: RawValue, quality: QualityCode, sourceMs: number): void {
    item.value = value;
    item.quality = quality;
    item.emittedMs = this.#context.clock.monotonicMs();
    addSample(this.#batch, item.tag, value, quality, sourceMs);
    this.#flushTimer ??= this.#context.clock.after(0, () => this.#flush());
  }

  #flush(): void {
    this.#flushTimer = undefined;
    if (this.#batch.length === 0) return;
    this.#samples += this.#batch.length;
    this.#context.emit(this.#batch);
    this.#batch.length = 0;
  }

  #repeatSilent(): void {
    if (!this.#live) return;
    const { clock } = this.#context;
    const now = clock.monotonicMs();
    for (const item of this.#items) {
      const silentMs = now - item.emittedMs;
      if (Number.isFinite(item.emittedMs) && silentMs >= item.tag.maxIntervalMs)
        this.#push(item, item.value, item.quality, clock.nowMs());
    }
  }

  #onAlive(): void {
    this.#aliveAtMs = this.#context.clock.monotonicMs();
  }

  #onLive(): void {
    this.#live = true;
    this.#onAlive();
    this.#setState('connected', undefined);
  }

  /** ED-6: what cannot be read is bad, from the moment it is known. */
  #onLost(reason: string): void {
    const now = this.#context.clock.nowMs();
    this.#onAlive();
    for (const item of this.#items) this.#push(item, null, Quality.badDeviceFailure, now);
    this.#setState('disconnected', reason);
  }

  #setState(state: DriverState, reason: string | undefined): void {
    if (state === this.#state && reason === this.#reason) return;
    this.#state = state;
    this.#reason = reason;
    this.#context.onState(state, reason);
  }
}

function filterOf(settings: TagConfig): { filter?: DataChangeFilter } {
  const given = settings.server_deadband;
  if (!given) return {};
  const percent = given.percent !== undefined;
  return {
    filter: new DataChangeFilter({
      trigger: DataChangeTrigger.StatusValue,
      deadbandType: percent ? DeadbandType.Percent : DeadbandType.Absolute,
      deadbandValue: given.percent ?? given.absolute ?? 0,
    }),
  };
}

/** A variant's value as the normaliser takes it; arrays and structures are no readings. */
function rawValue(dataValue: DataValue): RawValue {
  const variant = dataValue.value;
  const value: unknown = variant?.value;
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string') return value;
  // The library gives 64-bit integers as [high, low].
  if (Array.isArray(value) && (variant.dataType === DataType.Int64 || variant.dataType === DataType.UInt64)) {
    const [high, low] = value as [number, number];
    const bits = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
    return variant.dataType === DataType.Int64 ? BigInt.asIntN(64, bits) : bits;
  }
  return null;
}

async function closeQuietly(client: OPCUAClient, session: ClientSession | undefined): Promise<void> {
  // A dead connection cannot be closed politely, and nobody waits for it.
  await session?.close(true).catch(() => {});
  await client.disconnect().catch(() => {});
}
