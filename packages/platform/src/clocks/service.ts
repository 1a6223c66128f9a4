import { type Clock, errorMessage, type Logger, type Service, type Timer } from '@millrace/foundation';
import type { EventService } from '../events/index.js';
import { type Batch, RowState } from '../ingest/batch.js';
import { readTime } from '../ingest/copy-buffer.js';
import type { DeviceDirectory, DeviceEntry } from '../ingest/device-directory.js';
import type { BatchListener } from '../ingest/publish.js';
import { type ClockState, DeviceClock, judgeOffset, measureAgeMsMax, median } from './model.js';

export const driftLimitMsDefault = 5_000;
const periodMs = 10_000;
/** A drift told of longer ago is told of again after a start. */
const rememberedMs = 30 * 86_400_000;

export interface ClocksOptions {
  readonly directory: DeviceDirectory;
  readonly events: EventService;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Offset above which a clock drifts, ms. */
  readonly driftLimitMs?: number | undefined;
}

/** The clocks behind a device; positive = ahead. ms; null = not measured in the last 15 minutes. */
export interface ClockView {
  /** The device's own clock against its gateway's. */
  readonly sourceOffsetMs: number | null;
  /** The gateway's (or the device's, where it speaks for itself) against the platform's. */
  readonly gatewayOffsetMs: number | null;
  readonly asOf: number | null;
  readonly state: ClockState;
}

type Which = 'source' | 'gateway';

/** Compares source, gateway and platform time of every device, and tells when a clock runs off. */
export class ClockService implements Service, BatchListener {
  readonly #options: ClocksOptions;
  readonly #limitMs: number;
  readonly #clocks = new Map<number, DeviceClock>();
  readonly #touched = new Set<number>();
  /** Devices and gateways that drift, by `which deviceNo`. */
  readonly #drifting = new Set<string>();
  #timer: Timer | undefined;
  #telling: Promise<void> = Promise.resolve();

  constructor(options: ClocksOptions) {
    this.#options = options;
    this.#limitMs = options.driftLimitMs ?? driftLimitMsDefault;
  }

  /** Takes up the drifts that were told of before, so that a restart neither repeats nor forgets one. */
  async start(): Promise<void> {
    const { events, clock } = this.#options;
    const told = await events.latestOfClocks(
      ['clock_drift', 'clock_drift_cleared'],
      clock.nowMs() - rememberedMs,
    );
    for (const each of told)
      if (each.type === 'clock_drift') this.#drifting.add(`${each.clock} ${each.deviceNo}`);
    this.#timer ??= this.#options.clock.every(periodMs, () => void this.tick());
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#telling;
  }

  committed(batch: Batch): void {
    for (let row = 0; row < batch.length; row++) {
      // A replayed dead letter is old by nature.
      if (batch.state[row] !== RowState.live || batch.replays.has(row)) continue;
      const { deviceNo } = batch.routes[row]!.entry;
      let clock = this.#clocks.get(deviceNo);
      if (clock === undefined) {
        clock = new DeviceClock();
        this.#clocks.set(deviceNo, clock);
      }
      clock.observe(sourceTsOf(batch, row), batch.ts[row]!, batch.receivedAt[row]!);
      this.#touched.add(deviceNo);
    }
  }

  /** The clocks behind a device as they are now. */
  view(deviceNo: number): ClockView {
    const { directory, clock } = this.#options;
    const entry = directory.byNo(deviceNo);
    const speaker = entry === undefined ? undefined : this.#speakerOf(entry);
    const nowMs = clock.nowMs();
    const source = this.#source(deviceNo, nowMs);
    const gateway = speaker === undefined ? undefined : this.#gateway(speaker, nowMs);
    const states = [
      judgeOffset(source, this.#limitMs, this.#was('source', deviceNo)),
      judgeOffset(gateway, this.#limitMs, this.#was('gateway', speaker?.deviceNo ?? 0)),
    ];
    const own = this.#clocks.get(deviceNo);
    const asOf = Math.max(own?.sourceAsOf ?? 0, own?.gatewayAsOf ?? 0);
    return {
      sourceOffsetMs: rounded(source),
      gatewayOffsetMs: rounded(gateway),
      asOf: asOf === 0 ? null : asOf,
      state: states.includes('drifting') ? 'drifting' : states.includes('ok') ? 'ok' : 'unknown',
    };
  }

  /** Offset of every gateway (and device with its own connection) against the platform, ms. */
  *gatewayOffsets(): IterableIterator<readonly [string, number]> {
    const nowMs = this.#options.clock.nowMs();
    const seen = new Set<number>();
    for (const deviceNo of this.#clocks.keys()) {
      const entry = this.#options.directory.byNo(deviceNo);
      const speaker = entry === undefined ? undefined : this.#speakerOf(entry);
      if (speaker === undefined || seen.has(speaker.deviceNo)) continue;
      seen.add(speaker.deviceNo);
      const offset = this.#gateway(speaker, nowMs);
      if (offset !== undefined) yield [`${speaker.enterprise}::${speaker.deviceId}`, Math.round(offset)];
    }
  }

  /** Ends a period: new measures, and the events that follow from them. */
  tick(): Promise<void> {
    const { directory, clock } = this.#options;
    const nowMs = clock.nowMs();
    const speakers = new Map<number, DeviceEntry>();
    const changes: { entry: DeviceEntry; which: Which; offsetMs: number; drifts: boolean }[] = [];
    const judge = (which: Which, entry: DeviceEntry, offsetMs: number | undefined) => {
      const was = this.#was(which, entry.deviceNo);
      const state = judgeOffset(offsetMs, this.#limitMs, was);
      if (offsetMs === undefined || state === was) return;
      changes.push({ entry, which, offsetMs: Math.round(offsetMs), drifts: state === 'drifting' });
    };
    for (const deviceNo of this.#touched) {
      this.#clocks.get(deviceNo)!.close(nowMs);
      const entry = directory.byNo(deviceNo);
      if (entry === undefined) continue;
      judge('source', entry, this.#source(deviceNo, nowMs));
      const speaker = this.#speakerOf(entry);
      speakers.set(speaker.deviceNo, speaker);
    }
    this.#touched.clear();
    for (const speaker of speakers.values()) judge('gateway', speaker, this.#gateway(speaker, nowMs));
    this.#telling = this.#telling.then(() => this.#tell(changes));
    return this.#telling;
  }

  /** A change counts once its event is recorded; otherwise the next period finds it again. */
  async #tell(
    changes: readonly { entry: DeviceEntry; which: Which; offsetMs: number; drifts: boolean }[],
  ): Promise<void> {
    for (const { entry, which, offsetMs, drifts } of changes) {
      const key = `${which} ${entry.deviceNo}`;
      if (this.#drifting.has(key) === drifts) continue;
      const body = { clock: which, offset_ms: offsetMs, limit_ms: this.#limitMs };
      try {
        await this.#options.events.recordOfDevice(
          entry.tenantId,
          entry.deviceNo,
          drifts ? 'clock_drift' : 'clock_drift_cleared',
          body,
        );
      } catch (error) {
        this.#options.logger.warn('A clock drift could not be recorded; the next period tries again.', {
          device: entry.deviceId,
          error: errorMessage(error),
        });
        continue;
      }
      if (drifts) this.#drifting.add(key);
      else this.#drifting.delete(key);
      this.#options.logger.warn(drifts ? 'A clock drifts.' : 'A clock drifts no more.', {
        device: entry.deviceId,
        ...body,
      });
    }
  }

  #was(which: Which, deviceNo: number): ClockState {
    return this.#drifting.has(`${which} ${deviceNo}`) ? 'drifting' : 'ok';
  }

  #source(deviceNo: number, nowMs: number): number | undefined {
    const clock = this.#clocks.get(deviceNo);
    return clock !== undefined && nowMs - clock.sourceAsOf <= measureAgeMsMax
      ? clock.source.median()
      : undefined;
  }

  /** A gateway's own clock stamps all it speaks for: the middle of their offsets is its own. */
  #gateway(speaker: DeviceEntry, nowMs: number): number | undefined {
    const children = this.#options.directory.childrenOf(speaker.tenantId, speaker.deviceId);
    const offsets = [speaker, ...children].flatMap(({ deviceNo }) => {
      const clock = this.#clocks.get(deviceNo);
      if (clock === undefined || nowMs - clock.gatewayAsOf > measureAgeMsMax) return [];
      return clock.gateway.median() ?? [];
    });
    return offsets.length === 0 ? undefined : median(offsets);
  }

  #speakerOf(entry: DeviceEntry): DeviceEntry {
    const { tenantId, gatewayDeviceId } = entry;
    if (gatewayDeviceId === null) return entry;
    return this.#options.directory.byId(tenantId, gatewayDeviceId) ?? entry;
  }
}

/** Reads `source_ts` (ms; -1 = none) from a row's COPY bytes. */
function sourceTsOf(batch: Batch, row: number): number {
  const { view } = batch.tables[batch.table[row]!]!;
  // tenant_id, device_no, ts, received_at have fixed widths; epoch, seq and msg_id may be null.
  let at = batch.start[row]! + 2 + 8 + 8 + 12 + 12;
  for (let i = 0; i < 3; i++) at += 4 + Math.max(0, view.getInt32(at));
  return view.getInt32(at) < 0 ? -1 : readTime(view, at + 4);
}

const rounded = (offsetMs: number | undefined) => (offsetMs === undefined ? null : Math.round(offsetMs));
