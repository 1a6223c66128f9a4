import { telemetryTable } from '@millrace/contracts';
import { type Clock, errorMessage, type Logger, type Service, type Timer } from '@millrace/foundation';
import type { Database } from '../database/index.js';
import type { Batch, PendingEvent } from '../ingest/batch.js';
import type { DeviceDirectory, DeviceEntry } from '../ingest/device-directory.js';
import type { BatchListener } from '../ingest/publish.js';
import { judgeCause } from './causes.js';
import { silenceAfterMs } from './change-set.js';
import {
  explainGap,
  hasSilence,
  insertBreak,
  loadOpenBreaks,
  nearbyEvents,
  readingsUpTo,
  removeOpenSilence,
  updateGap,
} from './gap-store.js';
import { type GapAction, GapWatch, stepAcross } from './gap-watch.js';
import type { Ledger } from './ledger.js';
import type { Numbering } from './numbering.js';

export interface GapMonitorOptions {
  readonly database: Database;
  readonly directory: DeviceDirectory;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly logger: Logger;
}

const tickMs = 1_000;
/** A gateway's start is looked at this long, because readings from before and after it may still be on their way. */
const restartWatchMs = 24 * 3_600_000;
const restartsMax = 1_000;
/** After this a stop of a gateway that left no hole in time worth telling is not a silence, ms. */
const shortestStopMs = 2_000;

const lossCause = 'data_loss';
const lossEvidence = 'The gateway reported that it had to drop these messages.';

/** A gateway that started again: each of its devices gets a silence once it has readings on both sides. */
interface Restart {
  readonly ts: number;
  readonly seenAt: number;
  readonly waiting: Set<DeviceEntry>;
}

/** Writes gaps and silences with their causes; see gap-watch.ts for when. */
export class GapMonitor implements Service, BatchListener {
  readonly #options: GapMonitorOptions;
  #watch = new GapWatch();
  readonly #restarts: Restart[] = [];
  /** Silences that are not over, by device. */
  readonly #quiet = new Map<number, { gapId: number; fromTs: number }>();
  /** When the platform last heard each device, ms. */
  readonly #heardAt = new Map<number, number>();
  /** What could not be written yet, oldest first; tried again with every tick. */
  #actions: GapAction[] = [];
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #startedAt = 0;

  constructor(options: GapMonitorOptions) {
    this.#options = options;
  }

  /** The ledger must be restored before. */
  async start(): Promise<void> {
    const { database, ledger, clock } = this.#options;
    this.#startedAt = clock.nowMs();
    const open = await loadOpenBreaks(database.owner);
    const gaps = open.flatMap((row) => {
      if (row.kind === 'silence') {
        this.#quiet.set(row.deviceNo, { gapId: row.gapId, fromTs: row.fromTs });
        return [];
      }
      const numbering = ledger.find(row.deviceNo)?.numberings.find((each) => each.epoch === row.epoch);
      if (numbering === undefined) return [];
      const { gapId, missing, cause } = row;
      return [{ gapId, numbering, first: row.fromSeq!, last: row.toSeq!, missing, cause }];
    });
    const numberings = [...ledger.devices()].flatMap((device) => device.numberings);
    this.#watch.restore(numberings, gaps, clock.nowMs());
    this.#timer = clock.every(tickMs, () => void this.tick());
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    await this.#running;
  }

  /** Forgets everything, between `stop` and the next `start`: other devices may be ours by then. */
  forget(): void {
    this.#watch = new GapWatch();
    this.#restarts.length = 0;
    this.#quiet.clear();
    this.#heardAt.clear();
    this.#actions = [];
  }

  committed(batch: Batch): void {
    const nowMs = this.#options.clock.nowMs();
    this.#watch.observe(batch.changes.changes, nowMs);
    for (const { numbering } of batch.changes.changes) this.#heardAt.set(numbering.device.deviceNo, nowMs);
    for (const event of batch.events) if (event.type === 'gateway_started') this.#restarted(event, nowMs);
  }

  /** Gaps and silences open now. */
  openCounts(): { gaps: number; silences: number } {
    return { gaps: this.#watch.openGaps().length, silences: this.#quiet.size };
  }

  /** Open gaps of one device. */
  openGapsOf(deviceNo: number): number {
    return this.#watch.openGaps().filter((gap) => gap.numbering.device.deviceNo === deviceNo).length;
  }

  /** Writes what is due. Called every second; a failure is logged and tried again. */
  tick(): Promise<void> {
    this.#running ??= this.#tick().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #tick(): Promise<void> {
    const { clock, logger } = this.#options;
    this.#actions.push(...this.#watch.due(clock.nowMs()));
    try {
      await this.#watchQuiet();
      for (let action = this.#actions[0]; action !== undefined; action = this.#actions[0]) {
        await this.#write(action);
        this.#actions.shift();
      }
      await this.#writeRestarts();
    } catch (error) {
      logger.warn('Gaps could not be written; the next second tries again.', { error: errorMessage(error) });
    }
  }

  async #write(action: GapAction): Promise<void> {
    const { database, clock } = this.#options;
    if (action.type === 'update-gap') {
      await updateGap(database.owner, action.gap.gapId, action.missing, clock.nowMs());
      return;
    }
    if (action.type === 'explain-gap') {
      await explainGap(database.owner, action.gap.gapId, lossCause, lossEvidence);
      return;
    }
    const { numbering, fromTs, toTs } = action;
    if (action.type === 'silence') {
      await this.#silence(numbering, fromTs, toTs);
      return;
    }
    const { first, last, missing } = action;
    const { cause, evidence } = action.reported
      ? { cause: lossCause, evidence: lossEvidence }
      : await this.#judge(numbering, fromTs, toTs);
    const gapId = await insertBreak(database.owner, {
      tenantId: numbering.device.tenantId,
      deviceNo: numbering.device.deviceNo,
      kind: 'gap',
      epoch: numbering.epoch,
      fromSeq: first,
      toSeq: last,
      missing,
      fromTs,
      toTs,
      cause,
      evidence,
      openedAt: clock.nowMs(),
      closedAt: null,
    });
    this.#watch.opened({ gapId, numbering, first, last, missing, cause });
  }

  async #silence(numbering: Numbering, fromTs: number, toTs: number): Promise<void> {
    const { database, clock } = this.#options;
    const { tenantId, deviceNo } = numbering.device;
    if (await hasSilence(database.owner, deviceNo, fromTs, toTs)) return;
    const { cause, evidence } = await this.#judge(numbering, fromTs, toTs);
    const now = clock.nowMs();
    await insertBreak(database.owner, {
      tenantId,
      deviceNo,
      kind: 'silence',
      epoch: numbering.epoch,
      fromSeq: null,
      toSeq: null,
      missing: 0,
      fromTs,
      toTs,
      cause,
      evidence,
      openedAt: now,
      closedAt: now,
    });
  }

  async #judge(
    numbering: Numbering,
    fromTs: number,
    toTs: number,
  ): Promise<{ cause: string; evidence: string }> {
    const { database, directory } = this.#options;
    const { tenantId, deviceNo } = numbering.device;
    const gatewayId = directory.byNo(deviceNo)?.gatewayDeviceId ?? null;
    const gateway = gatewayId === null ? undefined : directory.byId(tenantId, gatewayId);
    const speakers = gateway === undefined ? [deviceNo] : [deviceNo, gateway.deviceNo];
    const { events, deadLetters } = await nearbyEvents(database.owner, tenantId, speakers, fromTs, toTs);
    return judgeCause(events, deadLetters);
  }

  #restarted(event: PendingEvent, nowMs: number): void {
    const { directory } = this.#options;
    const gateway = directory.byNo(event.deviceNo);
    if (
      gateway === undefined ||
      (JSON.parse(event.body) as { previous?: unknown }).previous === 'first_start'
    )
      return;
    const devices = [gateway, ...directory.childrenOf(gateway.tenantId, gateway.deviceId)];
    this.#restarts.push({ ts: event.ts, seenAt: nowMs, waiting: new Set(devices) });
    if (this.#restarts.length > restartsMax) this.#restarts.shift();
  }

  /** A stop of the gateway is a silence whatever its length, when no number is missing across it. */
  async #writeRestarts(): Promise<void> {
    const { database, ledger, clock } = this.#options;
    for (const restart of [...this.#restarts]) {
      for (const entry of restart.waiting) {
        const numbering = ledger.find(entry.deviceNo)?.latest;
        // Readings from before the stop may come in after it: wait until one from after it is there and settled.
        if (numbering === undefined || numbering.decidedTs < restart.ts) continue;
        const table = telemetryTable(entry.deviceType);
        const readings = await readingsUpTo(database.owner, table, entry.deviceNo, restart.ts);
        const step = stepAcross(readings, restart.ts);
        if (step !== undefined && step.after.seq > step.before.seq + 1) continue;
        restart.waiting.delete(entry);
        if (step !== undefined && step.after.ts - step.before.ts >= shortestStopMs)
          await this.#silence(numbering, step.before.ts, step.after.ts);
      }
      if (restart.waiting.size === 0 || clock.nowMs() - restart.seenAt > restartWatchMs)
        this.#restarts.splice(this.#restarts.indexOf(restart), 1);
    }
  }

  /** Opens a silence for a device that says nothing now, and ends it with the next reading. */
  async #watchQuiet(): Promise<void> {
    const { database, ledger, clock } = this.#options;
    const now = clock.nowMs();
    for (const device of ledger.devices()) {
      const numbering = device.latest;
      const quiet = this.#quiet.get(device.deviceNo);
      const heardAt = this.#heardAt.get(device.deviceNo) ?? 0;
      if (numbering === undefined || numbering.decidedTs === 0) continue;
      if (quiet !== undefined) {
        if (numbering.decidedTs <= quiet.fromTs) continue;
        // The watch saw the reading too, and writes what the silence really was - or that there was none.
        await removeOpenSilence(database.owner, quiet.gapId);
        this.#quiet.delete(device.deviceNo);
        continue;
      }
      if (now - Math.max(heardAt, this.#startedAt) <= silenceAfterMs) continue;
      if (now - numbering.decidedTs <= silenceAfterMs) continue;
      await this.#openSilence(numbering, now);
    }
  }

  async #openSilence(numbering: Numbering, now: number): Promise<void> {
    const { tenantId, deviceNo } = numbering.device;
    const fromTs = numbering.decidedTs;
    const { cause, evidence } = await this.#judge(numbering, fromTs, now);
    const gapId = await insertBreak(this.#options.database.owner, {
      tenantId,
      deviceNo,
      kind: 'silence',
      epoch: numbering.epoch,
      fromSeq: null,
      toSeq: null,
      missing: 0,
      fromTs,
      toTs: null,
      cause,
      evidence,
      openedAt: now,
      closedAt: null,
    });
    this.#quiet.set(deviceNo, { gapId, fromTs });
  }
}
