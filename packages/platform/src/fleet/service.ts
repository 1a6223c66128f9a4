import { deviceTypes, latestContract, qualityStatus, qualityWords } from '@millrace/contracts';
import type { Clock } from '@millrace/foundation';
import { iso, isoAt } from '../api/times.js';
import type { ClockService, ClockView } from '../clocks/index.js';
import type { DeadLetterService } from '../dead-letters/index.js';
import type { LedgerService } from '../ledger/index.js';
import type { LiveService, LiveValue } from '../live/index.js';
import type { Directory } from '../registry/directory.js';
import type { DeviceRecord } from '../registry/model.js';
import { buildTree, type DeviceView, worstOf } from './model.js';

/** How long counts of a tenant are kept before the database is asked again, ms. */
const countsMs = 1_000;
/** Open gaps read for the counts; more of them are more than anyone counts. */
const openGapsMax = 100_000;

interface Counts {
  readonly at: number;
  readonly gapsByDevice: ReadonlyMap<number, number>;
  readonly gapsOpen: number;
  readonly silencesOpen: number;
  readonly deadLetters24h: number;
}

/** The fleet as people look at it: devices with their state, the tree, the summary. */
export class FleetService {
  readonly #directory: Directory;
  readonly #live: LiveService;
  readonly #ledger: LedgerService;
  readonly #deadLetters: DeadLetterService;
  readonly #clocks: ClockService;
  readonly #clock: Clock;
  readonly #counts = new Map<number, Promise<Counts>>();
  readonly #countedAt = new Map<number, number>();

  constructor(options: {
    directory: Directory;
    live: LiveService;
    ledger: LedgerService;
    deadLetters: DeadLetterService;
    clocks: ClockService;
    clock: Clock;
  }) {
    this.#directory = options.directory;
    this.#live = options.live;
    this.#ledger = options.ledger;
    this.#deadLetters = options.deadLetters;
    this.#clocks = options.clocks;
    this.#clock = options.clock;
  }

  /** The devices of a tenant with everything that lists show. */
  async devices(tenantId: number): Promise<DeviceView[]> {
    const { gapsByDevice } = await this.#count(tenantId);
    return this.#directory.ofTenant(tenantId).map((record) => this.#view(record, gapsByDevice));
  }

  async device(record: DeviceRecord): Promise<DeviceView> {
    const { gapsByDevice } = await this.#count(record.tenantId);
    return this.#view(record, gapsByDevice);
  }

  /** A device with its tags and last-known values. */
  async detail(record: DeviceRecord) {
    const type = deviceTypes.get(record.deviceType);
    const tags = type === undefined ? [] : latestContract(type).tags;
    return {
      ...(await this.device(record)),
      tags: tags.map(({ name, doc, type: kind, unit, range, normal, states }) => ({
        name,
        doc,
        type: kind,
        unit,
        ...(range === undefined ? {} : { range }),
        ...(normal === undefined ? {} : { normal }),
        ...(states === undefined ? {} : { states }),
      })),
      clock: shownClock(this.#clocks.view(record.deviceNo)),
      latest: Object.fromEntries(this.#live.values(record.deviceNo).map((one) => [one.tag, shown(one)])),
    };
  }

  /** The ISA-95 tree with states and worst quality rolled up. */
  async tree(tenantId: number) {
    const tenant = this.#directory.tenantByNo(tenantId)!;
    return buildTree(tenant.slug, tenant.title, await this.devices(tenantId));
  }

  async summary(tenantId: number) {
    const counts = await this.#count(tenantId);
    const devices = { total: 0, online: 0, stale: 0, offline: 0, never_seen: 0 };
    const quality = { good: 0, uncertain: 0, bad: 0 };
    const sites = new Map<string, { site: string; total: number; online: number }>();
    for (const record of this.#directory.ofTenant(tenantId)) {
      const state = this.#live.view(record.deviceNo)?.state ?? 'never_seen';
      devices.total++;
      devices[state]++;
      for (const value of this.#live.values(record.deviceNo)) quality[qualityStatus(value.q)]++;
      const site = sites.get(record.site) ?? { site: record.site, total: 0, online: 0 };
      sites.set(record.site, site);
      site.total++;
      if (state === 'online') site.online++;
    }
    const rates = this.#live.rates(tenantId);
    const flowing = rates.messagesPerS > 0;
    return {
      as_of: isoAt(this.#clock.nowMs()),
      devices,
      messages_per_s: rates.messagesPerS,
      values_per_s: rates.valuesPerS,
      data_delay_ms: {
        p50: flowing ? rates.delayMsP50 : null,
        p99: flowing ? rates.delayMsP99 : null,
      },
      gaps_open: counts.gapsOpen,
      silences_open: counts.silencesOpen,
      dead_letters_24h: counts.deadLetters24h,
      quality,
      sites: [...sites.values()].sort((a, b) => (a.site < b.site ? -1 : 1)),
    };
  }

  #view(record: DeviceRecord, gaps: ReadonlyMap<number, number>): DeviceView {
    const live = this.#live.view(record.deviceNo);
    return {
      device_id: record.deviceId,
      device_type: record.deviceType,
      title: record.title,
      enterprise: record.enterprise,
      site: record.site,
      area: record.area,
      line: record.line,
      gateway_id: record.gatewayDeviceId,
      state: live?.state ?? 'never_seen',
      state_reason: live?.stateReason ?? null,
      last_seen: iso(live?.lastSeen),
      last_ts: iso(live?.lastTs),
      fw_version: live?.fwVersion ?? null,
      schema_version: live?.schemaVersion ?? null,
      worst_quality: worstOf(this.#live.values(record.deviceNo)),
      gaps_open: gaps.get(record.deviceNo) ?? 0,
      created_at: isoAt(record.createdAt),
    };
  }

  #count(tenantId: number): Promise<Counts> {
    const now = this.#clock.monotonicMs();
    const known = this.#counts.get(tenantId);
    if (known !== undefined && now - this.#countedAt.get(tenantId)! < countsMs) return known;
    const counting = this.#read(tenantId);
    this.#counts.set(tenantId, counting);
    this.#countedAt.set(tenantId, now);
    counting.catch(() => this.#counts.delete(tenantId));
    return counting;
  }

  async #read(tenantId: number): Promise<Counts> {
    const at = this.#clock.nowMs();
    const [open, deadLetters24h] = await Promise.all([
      this.#ledger.gaps(tenantId, undefined, { openOnly: true, limit: openGapsMax }),
      this.#deadLetters.countSince(tenantId, at - 86_400_000),
    ]);
    const gapsByDevice = new Map<number, number>();
    for (const gap of open) gapsByDevice.set(gap.deviceNo, (gapsByDevice.get(gap.deviceNo) ?? 0) + 1);
    const gapsOpen = open.filter((gap) => gap.kind === 'gap').length;
    return { at, gapsByDevice, gapsOpen, silencesOpen: open.length - gapsOpen, deadLetters24h };
  }
}

function shown({ v, q, ts, sourceTs, receivedAt }: LiveValue) {
  return {
    v,
    q,
    quality: qualityStatus(q),
    words: qualityWords(q),
    ts: isoAt(ts),
    source_ts: iso(sourceTs),
    received_at: isoAt(receivedAt),
  };
}

function shownClock({ sourceOffsetMs, gatewayOffsetMs, asOf, state }: ClockView) {
  return {
    source_offset_ms: sourceOffsetMs,
    gateway_offset_ms: gatewayOffsetMs,
    as_of: iso(asOf),
    state,
  };
}
