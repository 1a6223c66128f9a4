import { deviceTypes, parseTopic } from '@millrace/contracts';
import { type Clock, createUlidFactory, type Logger, type Random, type Timer } from '@millrace/foundation';
import type { Ingress, IngressBinding, Principal, PublishBatch } from '@millrace/mqtt';
import type { Ledger } from '../ledger/ledger.js';
import { Batch } from './batch.js';
import { decode } from './decode.js';
import type { DeviceDirectory } from './device-directory.js';
import { type BatchListener, publish } from './publish.js';
import { reportLosses } from './report-losses.js';
import type { Binding, DeviceRoute } from './route.js';
import { RowScratch } from './row-scratch.js';
import { sequence } from './sequence.js';
import type { Store } from './store.js';
import type { Layouts } from './table-layout.js';
import { compileType, type TypeRoute } from './type-route.js';

export interface IngressOptions {
  readonly directory: DeviceDirectory;
  readonly ledger: Ledger;
  readonly layouts: Layouts;
  readonly store: Store;
  /** Told of every committed batch before its acknowledgements go out; must be quick and must not throw. */
  readonly listeners: readonly BatchListener[];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Rows at which a batch is sent without waiting for more, and after which time it is sent anyway. */
export const batchRows = 2_000;
export const lingerMs = 5;
/** While every connection is busy, a batch grows up to this before the next one is begun. */
export const batchRowsMax = 8_000;
/** What ingest holds before the broker must stop reading: rows and payload bytes that are not committed. */
export const heldRowsMax = 40_000;
export const heldBytesMax = 64 * 1024 * 1024;

/** Counters since the start; telemetry rows unless said otherwise. */
export interface IngestCounts {
  received: number;
  stored: number;
  duplicates: number;
  deadLettered: number;
  refused: number;
  events: number;
  /** Tag values in stored rows. */
  values: number;
  saturations: number;
}

/** The river's mouth: the `Ingress` that the broker hands its batches to. */
export class MillraceIngress implements Ingress {
  readonly #options: IngressOptions;
  readonly #types = new Map<string, TypeRoute>();
  readonly #routes = new Map<number, DeviceRoute>();
  readonly #scratch: RowScratch;
  readonly #nextId: () => string;
  readonly #pool: Batch[] = [];
  /** Closed batches in the order of arrival: they settle in this order, whichever commits first. */
  readonly #line: { batch: Batch; state: 'waiting' | 'sent' | 'committed' }[] = [];
  #open: Batch | undefined;
  #linger: Timer | undefined;
  #lingered = false;
  #heldRows = 0;
  #heldBytes = 0;
  #saturated = false;
  #stopping = false;
  #onDrain: () => void = () => {};
  #onIdle: (() => void) | undefined;
  readonly counts: IngestCounts = {
    received: 0,
    stored: 0,
    duplicates: 0,
    deadLettered: 0,
    refused: 0,
    events: 0,
    values: 0,
    saturations: 0,
  };
  /** Dead letters since the start, by reason. */
  readonly deadLettersByReason = new Map<string, number>();
  /** Messages of other classes that passed by, by class. */
  readonly otherClasses = new Map<string, number>();

  constructor(options: IngressOptions) {
    this.#options = options;
    this.#nextId = createUlidFactory(options.clock, options.random);
    let columnsMax = 1;
    for (const [name, type] of deviceTypes) {
      const layout = options.layouts.byDeviceType.get(name)!;
      columnsMax = Math.max(columnsMax, layout.columns.length);
      this.#types.set(name, compileType(type, layout));
    }
    this.#scratch = new RowScratch(columnsMax);
  }

  get saturated(): boolean {
    return this.#saturated;
  }

  onDrain(listener: () => void): void {
    this.#onDrain = listener;
  }

  bind(principal: Principal, topic: string): IngressBinding | undefined {
    const parsed = parseTopic(topic);
    if (parsed === undefined) return undefined;
    if (parsed.class !== 'telemetry' && parsed.class !== 'events' && parsed.class !== 'status') {
      this.otherClasses.set(parsed.class, (this.otherClasses.get(parsed.class) ?? 0) + 1);
      return undefined;
    }
    const tenantId = this.#options.directory.tenantId(principal.tenant);
    if (tenantId === undefined) return undefined;
    const at = principal.clientId.indexOf('::');
    const speakerId = at < 0 ? principal.clientId : principal.clientId.slice(at + 2);
    const binding: Binding = {
      class: parsed.class,
      topic,
      prefix: topic.split('/', 6).join('/'),
      tenantId,
      clientId: principal.clientId,
      speakerId,
      clientIdBytes: Buffer.from(`${principal.clientId}"`, 'utf8'),
      speakerIdBytes: Buffer.from(`${speakerId}"`, 'utf8'),
      route: undefined,
    };
    binding.route = this.#resolve(binding);
    return binding;
  }

  submit(incoming: PublishBatch, settle: () => void): void {
    const batch = this.#openBatch();
    const from = batch.append(incoming, settle);
    const bytesBefore = batch.payloadBytes;
    decode(batch, incoming, from, {
      layouts: this.#options.layouts,
      scratch: this.#scratch,
      resolve: (binding) => this.#resolve(binding),
      nowMs: this.#options.clock.nowMs(),
    });
    this.counts.received += incoming.length;
    this.#heldRows += incoming.length;
    this.#heldBytes += batch.payloadBytes - bytesBefore;
    if (this.#heldRows >= heldRowsMax || this.#heldBytes >= heldBytesMax) {
      if (!this.#saturated) this.counts.saturations++;
      this.#saturated = true;
    }
    this.#maybeClose();
  }

  /** Sends what is open and waits until everything taken is committed; ends at once when the store is stopped. */
  async drain(): Promise<void> {
    this.#stopping = true;
    this.#lingered = true;
    this.#maybeClose();
    if (this.#open === undefined && this.#line.length === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  /** Waits until everything taken so far is committed or abandoned, and takes more meanwhile. */
  async quiesce(): Promise<void> {
    this.#lingered = true;
    this.#maybeClose();
    if (this.#open === undefined && this.#line.length === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  /**
   * Drops everything that is not committed, without settling it, and every device's route: what was taken belongs to
   * another process now, which gets it from the bus again.
   */
  abandon(): void {
    this.#linger?.cancel();
    this.#open = undefined;
    this.#line.length = 0;
    this.#heldRows = 0;
    this.#heldBytes = 0;
    this.#saturated = false;
    this.#routes.clear();
    this.#onIdle?.();
  }

  /** Rows taken and not yet committed. */
  get heldRows(): number {
    return this.#heldRows;
  }

  /** The route of a device, for those who know it by number. */
  route(deviceNo: number): DeviceRoute | undefined {
    return this.#routes.get(deviceNo);
  }

  #resolve(binding: Binding): DeviceRoute | undefined {
    const entry = this.#options.directory.lookup(binding.prefix);
    if (entry === undefined || entry.tenantId !== binding.tenantId) return undefined;
    const existing = this.#routes.get(entry.deviceNo);
    if (existing !== undefined && existing.entry === entry) return existing;
    const type = this.#types.get(entry.deviceType);
    if (type === undefined) return undefined;
    const route: DeviceRoute = {
      entry,
      type,
      ledger: this.#options.ledger.device(entry.tenantId, entry.deviceNo),
      idBytes: Buffer.from(`${entry.deviceId}"`, 'latin1'),
      fwVersion: existing?.fwVersion,
      fwBytes: existing?.fwBytes,
      schemaVersion: existing?.schemaVersion,
    };
    this.#routes.set(entry.deviceNo, route);
    return route;
  }

  #openBatch(): Batch {
    if (this.#open !== undefined) return this.#open;
    this.#open = this.#pool.pop() ?? new Batch(this.#options.layouts, batchRows * 2);
    this.#lingered = false;
    this.#linger = this.#options.clock.after(lingerMs, () => {
      this.#lingered = true;
      this.#maybeClose();
    });
    return this.#open;
  }

  /** Closes the open batch when it is due and can be sent, or has grown to its limit; then sends what waits. */
  #maybeClose(): void {
    const batch = this.#open;
    if (batch === undefined) return;
    const due = this.#lingered || batch.length >= batchRows;
    const canSend = this.#options.store.idle && !this.#line.some((entry) => entry.state === 'waiting');
    if (!(due && canSend) && batch.length < batchRowsMax && !this.#stopping) return;
    this.#linger?.cancel();
    this.#open = undefined;
    batch.id = this.#nextId();
    sequence(batch, this.counts);
    reportLosses(batch, this.#options.directory, this.#options.ledger);
    this.#line.push({ batch, state: 'waiting' });
    this.#sendWaiting();
  }

  #sendWaiting(): void {
    for (const entry of this.#line) {
      if (!this.#options.store.idle) return;
      if (entry.state !== 'waiting') continue;
      entry.state = 'sent';
      void this.#options.store.commit(entry.batch).then((committed) => {
        if (committed) entry.state = 'committed';
        this.#afterCommit();
      });
    }
  }

  #afterCommit(): void {
    while (this.#line[0]?.state === 'committed') this.#settle(this.#line.shift()!.batch);
    this.#sendWaiting();
    this.#maybeClose();
    if (this.#saturated && this.#heldRows < heldRowsMax / 2 && this.#heldBytes < heldBytesMax / 2) {
      this.#saturated = false;
      this.#onDrain();
    }
    const abandoned =
      this.#stopping &&
      this.#line.every((entry) => entry.state !== 'committed') &&
      this.#options.store.stopped;
    if ((this.#open === undefined && this.#line.length === 0) || abandoned) this.#onIdle?.();
  }

  #settle(batch: Batch): void {
    publish(batch, this.#options.ledger, this.#options.listeners, this.counts, this.deadLettersByReason);
    this.#heldRows -= batch.length;
    this.#heldBytes -= batch.payloadBytes;
    for (const part of batch.parts) part.settle();
    batch.reset();
    this.#pool.push(batch);
  }
}
