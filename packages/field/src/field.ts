import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isGood, type TagContract } from '@millrace/contracts';
import {
  type Clock,
  errorMessage,
  type Logger,
  MillraceError,
  type Random,
  type Service,
  seededRandom,
  type Timer,
} from '@millrace/foundation';
import {
  applyFaults,
  type Fault,
  type FaultKind,
  faultTargets,
  hasPower,
  plantDevices,
  type ServedTag,
  tagsOf,
} from './faults.js';
import { createJournal, type Journal } from './journal/journal.js';
import { createDeviceImage, type DeviceImage } from './modbus/image.js';
import { createModbusServer, type ModbusServer, type ModbusServerStats } from './modbus/server.js';
import { loadCredentials, type OpcUaCredentials, type OpcUaPaths, opcUaPaths } from './opcua/security.js';
import type { OpcUaServer } from './opcua/server.js';
import type { CommandName, PlantMap } from './plants/map-types.js';
import type { Plant, Readings } from './plants/plant.js';
import { plantNamed } from './plants/registry.js';
import { createPlayer, type Player, type ReplayOptions, type ReplayStatus } from './replay/player.js';

export interface FieldOptions {
  /** Name of the simulated plant, e.g. `water-pumping-station`. */
  readonly plant: string;
  /** The same seed, clock and orders give the same plant. */
  readonly seed: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** 0 takes a free port, told by `ports` after the start. */
  readonly modbusPort: number;
  readonly opcuaPort: number;
  /** Address to listen on; 127.0.0.1 when absent. */
  readonly host?: string;
  /** Folder of the OPC UA server's certificate, trust lists and account; made when missing. */
  readonly pkiDir: string;
  /** The OPC UA account; read from (or made in) `pkiDir/credentials.json` when absent. */
  readonly opcuaCredentials?: OpcUaCredentials;
  /** Every value served is written there when given. */
  readonly journalFile?: string;
  /** Where the model's state is kept over restarts, so that counters never fall; not kept when absent. */
  readonly stateFile?: string;
  /** Serve a recording instead of the model. */
  readonly replay?: ReplayOptions;
  /** How often the instruments measure; 1000 ms when absent, 100 to 60000. */
  readonly periodMs?: number;
}

export interface FieldStatus {
  readonly plant: string;
  readonly seed: number;
  readonly source: 'model' | 'replay';
  readonly ports: { readonly modbus: number; readonly opcua: number };
  /** When the present values were measured, Unix ms. */
  readonly measuredMs: number;
  readonly devices: readonly {
    readonly deviceId: string;
    readonly deviceType: string;
    readonly protocol: 'modbus' | 'opcua';
    readonly power: boolean;
    readonly tags: Readonly<Record<string, ServedTag>>;
  }[];
  readonly faults: readonly {
    readonly deviceId: string;
    readonly kind: FaultKind;
    readonly tags: readonly string[];
    readonly forMs: number;
  }[];
  readonly modbus: ModbusServerStats;
  readonly opcua: { readonly sessions: number; readonly subscriptions: number };
  readonly journalDropped: number;
  readonly replay: ReplayStatus | null;
}

export interface Field extends Service {
  readonly map: PlantMap;
  /** The ports listened on; known after `start`. */
  readonly ports: { readonly modbus: number; readonly opcua: number };
  /** Files a client of the OPC UA server needs: the server's certificate, the trust lists, the account. */
  readonly opcua: OpcUaPaths & { readonly endpointUrl: string };
  /**
   * Sets a fault, or clears it. Without `tag`: the main analog signal for `wire-break` and `drift`, every tag for
   * `stuck`; a clear without `tag` clears the kind on the whole device. Served from that moment, not from the next
   * measurement. Throws `not_found` or `invalid_argument` with what there is to choose from.
   */
  fault(deviceId: string, kind: string, options?: { tag?: string; clear?: boolean }): void;
  /** Changes to a recording while running, or back to the model with undefined. */
  replay(options: ReplayOptions | undefined): Promise<void>;
  status(): FieldStatus;
  /** Resolves when everything served so far is in the journal file. */
  flushJournal(): Promise<void>;
}

const stateSaveMs = 10_000;
/** After a longer stop the plant does not make up for the lost time; it just goes on. */
const catchUpSecondsMax = 3600;

/** Makes a simulated plant behind real protocol servers. Nothing happens before `start`. */
export function createField(options: FieldOptions): Field {
  return new SimulatedField(options, plantNamed(options.plant));
}

class SimulatedField implements Field {
  readonly map: PlantMap;
  readonly #options: FieldOptions;
  readonly #plant: Plant;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #host: string;
  readonly #types: ReadonlyMap<string, readonly TagContract[]>;
  readonly #images = new Map<number, { readonly deviceId: string; readonly image: DeviceImage }>();
  readonly #modbus: ModbusServer;
  readonly #journal: Journal | undefined;
  #opcua: OpcUaServer | undefined;
  #state: unknown;
  #readings: Readings = {};
  #served: Record<string, Record<string, ServedTag>> = {};
  #measuredMs = 0;
  #lastTickMs = 0;
  #player: Player | undefined;
  #playerStartMs = 0;
  #faults: readonly Fault[] = [];
  #timers: Timer[] = [];
  #saving: Promise<void> = Promise.resolve();
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: FieldOptions, plant: Plant) {
    this.#options = options;
    this.#plant = plant;
    this.map = plant.map;
    this.#logger = options.logger;
    this.#clock = options.clock;
    this.#random = seededRandom(options.seed);
    this.#host = options.host ?? '127.0.0.1';
    this.#types = new Map([...plantDevices(plant.map)].map(([id, type]) => [id, tagsOf(type)]));
    for (const device of plant.map.modbus)
      this.#images.set(device.unitId, {
        deviceId: device.deviceId,
        image: createDeviceImage(device, {
          readBack: (command) => this.#readBack(device.deviceId, command),
          write: (command, value) => this.#command(device.deviceId, command, value),
        }),
      });
    if (options.journalFile !== undefined)
      this.#journal = createJournal({
        file: options.journalFile,
        clock: options.clock,
        logger: options.logger,
      });
    this.#modbus = createModbusServer({
      host: this.#host,
      port: options.modbusPort,
      logger: options.logger,
      unit: (unitId) => this.#unit(unitId),
      onRead: (unitId, span, client) => {
        const unit = this.#images.get(unitId);
        if (!unit || !this.#journal) return;
        const tsMs = this.#clock.nowMs();
        for (const { tag, value, quality } of unit.image.decode(span))
          this.#journal.append({
            tsMs,
            deviceId: unit.deviceId,
            tag,
            value,
            quality,
            protocol: 'modbus',
            client,
          });
      },
    });
  }

  get ports() {
    return { modbus: this.#modbus.port, opcua: this.#opcua?.port ?? this.#options.opcuaPort };
  }

  get opcua() {
    return {
      ...opcUaPaths(this.#options.pkiDir),
      endpointUrl: `opc.tcp://${this.#host}:${this.ports.opcua}`,
    };
  }

  start(): Promise<void> {
    this.#starting ??= this.#startOnce();
    return this.#starting;
  }

  /** Waits for a start under way, then for everything to end; a second call waits for the same end. */
  stop(): Promise<void> {
    this.#stopping ??= (async () => {
      await this.#starting?.catch(() => {});
      await this.#end();
      this.#starting = undefined;
      this.#stopping = undefined;
    })();
    return this.#stopping;
  }

  async #startOnce(): Promise<void> {
    const periodMs = this.#options.periodMs ?? 1000;
    if (!(periodMs >= 100 && periodMs <= 60_000))
      throw new MillraceError('invalid_argument', `The period must be 100 to 60000 ms, not ${periodMs}.`);
    try {
      if (this.#options.replay) await this.replay(this.#options.replay);
      await this.#loadState();
      this.#lastTickMs = this.#clock.monotonicMs();
      this.#measure();
      await this.#journal?.start();
      await this.#modbus.start();
      await this.#startOpcUa();
      this.#timers = [
        this.#clock.every(periodMs, () => this.#tick()),
        this.#clock.every(stateSaveMs, () => void this.#saveState(), { unref: true }),
      ];
    } catch (error) {
      await this.#end();
      throw error;
    }
    this.#logger.info(`The plant ${this.map.plant} runs.`, { ...this.ports, seed: this.#options.seed });
  }

  async #end(): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
    await this.#modbus.stop();
    await this.#opcua?.stop();
    await this.#journal?.stop();
    this.#player?.close();
    if (this.#state !== undefined) await this.#saveState();
    this.#state = undefined;
  }

  fault(deviceId: string, kind: string, options: { tag?: string; clear?: boolean } = {}): void {
    const target = faultTargets(this.map, deviceId, kind, options.tag);
    const others = this.#faults.filter((f) => f.deviceId !== deviceId || f.kind !== target.kind);
    const same = this.#faults.filter((f) => f.deviceId === deviceId && f.kind === target.kind);
    // Tags already struck keep their start: a second order does not restart a drift.
    const kept = same.flatMap((f) => {
      const tags = options.clear
        ? f.tags.filter((tag) => options.tag !== undefined && tag !== options.tag)
        : f.tags;
      return tags.length > 0 ? [{ ...f, tags }] : [];
    });
    const struck = new Set(kept.flatMap((f) => f.tags));
    const added = target.tags.filter((tag) => !struck.has(tag));
    const fresh: Fault[] =
      options.clear || (target.kind !== 'power-loss' && added.length === 0)
        ? []
        : [this.#newFault(deviceId, target.kind, added)];
    this.#faults = [...others, ...kept, ...fresh];
    this.#logger.info(`${options.clear ? 'Cleared' : 'Set'} the fault ${kind} on ${deviceId}.`, {
      tags: options.tag ? [options.tag] : target.tags,
    });
    this.#publish();
  }

  async replay(options: ReplayOptions | undefined): Promise<void> {
    let next: Player | undefined;
    if (options) {
      next = await createPlayer(options, this.map);
      await next.open();
    }
    this.#player?.close();
    this.#player = next;
    this.#playerStartMs = this.#clock.monotonicMs();
  }

  status(): FieldStatus {
    const nowMs = this.#clock.monotonicMs();
    const modbusIds = new Set(this.map.modbus.map((device) => device.deviceId));
    return {
      plant: this.map.plant,
      seed: this.#options.seed,
      source: this.#player ? 'replay' : 'model',
      ports: this.ports,
      measuredMs: this.#measuredMs,
      devices: [...plantDevices(this.map)].map(([deviceId, deviceType]) => ({
        deviceId,
        deviceType,
        protocol: modbusIds.has(deviceId) ? 'modbus' : 'opcua',
        power: hasPower(this.#faults, deviceId),
        tags: this.#served[deviceId] ?? {},
      })),
      faults: this.#faults.map(({ deviceId, kind, tags, sinceMs }) => ({
        deviceId,
        kind,
        tags,
        forMs: Math.round(nowMs - sinceMs),
      })),
      modbus: this.#modbus.stats(),
      opcua: this.#opcua?.stats() ?? { sessions: 0, subscriptions: 0 },
      journalDropped: this.#journal?.dropped ?? 0,
      replay: this.#player?.status() ?? null,
    };
  }

  async flushJournal(): Promise<void> {
    await this.#journal?.flush();
  }

  #newFault(deviceId: string, kind: FaultKind, tags: readonly string[]): Fault {
    const sinceMs = this.#clock.monotonicMs();
    if (kind !== 'stuck') return { deviceId, kind, tags, sinceMs };
    const now = this.#served[deviceId] ?? {};
    const frozen = Object.fromEntries(
      tags.flatMap((tag) => {
        const served = now[tag];
        return served && isGood(served.quality) ? [[tag, served.value] as const] : [];
      }),
    );
    return { deviceId, kind, tags, sinceMs, frozen };
  }

  #tick(): void {
    this.#measure();
    void this.#player
      ?.refill()
      .catch((error: unknown) => this.#logger.error(`The replay stopped reading: ${errorMessage(error)}.`));
  }

  /** Moves the source on to now and serves what it shows. */
  #measure(): void {
    const nowMs = this.#clock.monotonicMs();
    const dtS = Math.min(60, (nowMs - this.#lastTickMs) / 1000);
    this.#lastTickMs = nowMs;
    this.#state = this.#plant.step(this.#state, dtS, this.#random);
    const simulated = this.#plant.read(this.#state, this.#random);
    this.#readings = this.#player ? this.#played(this.#player, simulated, nowMs) : simulated;
    this.#measuredMs = this.#clock.nowMs();
    this.#publish();
  }

  #played(player: Player, simulated: Readings, nowMs: number): Readings {
    const played = player.readingsAt(nowMs - this.#playerStartMs) ?? {};
    const base = player.map.others === 'model' ? simulated : {};
    const ids = new Set([...Object.keys(base), ...Object.keys(played)]);
    return Object.fromEntries([...ids].map((id) => [id, { ...base[id], ...played[id] }]));
  }

  #publish(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [deviceId, tags] of this.#types)
      this.#served[deviceId] = applyFaults(
        deviceId,
        tags,
        this.#readings[deviceId] ?? {},
        this.#faults,
        nowMs,
      );
    for (const { deviceId, image } of this.#images.values()) image.update(this.#served[deviceId] ?? {});
  }

  #unit(unitId: number) {
    const unit = this.#images.get(unitId);
    if (!unit) return undefined;
    return hasPower(this.#faults, unit.deviceId) ? unit.image : ('silent' as const);
  }

  #readBack(deviceId: string, command: CommandName): number {
    return this.#plant.readBack(this.#state, deviceId, command);
  }

  #command(deviceId: string, command: CommandName, value: number): boolean {
    const next = hasPower(this.#faults, deviceId)
      ? this.#plant.command(this.#state, deviceId, command, value)
      : undefined;
    if (next === undefined) return false;
    this.#state = next;
    this.#logger.info(`${deviceId}: ${command} was set to ${value}.`);
    return true;
  }

  async #startOpcUa(): Promise<void> {
    // node-opcua is large: it is loaded when the server starts, not when someone wants the register map.
    const { createOpcUaServer } = await import('./opcua/server.js');
    const { pkiDir } = this.#options;
    const credentials = this.#options.opcuaCredentials ?? (await loadCredentials(pkiDir));
    this.#opcua = createOpcUaServer({
      map: this.map,
      host: this.#host,
      port: this.#options.opcuaPort,
      pkiDir,
      credentials,
      logger: this.#logger,
      served: (deviceId, tag) => this.#served[deviceId]![tag]!,
      sourceMs: () => this.#measuredMs,
      readBack: (deviceId, command) => this.#readBack(deviceId, command),
      write: (deviceId, command, value) => this.#command(deviceId, command, value),
      onServed: ({ sourceMs, ...entry }) =>
        this.#journal?.append({ ...entry, tsMs: sourceMs || this.#measuredMs, protocol: 'opcua' }),
    });
    await this.#opcua.start();
  }

  async #loadState(): Promise<void> {
    const nowS = this.#clock.nowMs() / 1000;
    const file = this.#options.stateFile;
    const text = file === undefined ? undefined : await readFile(file, 'utf8').catch(() => undefined);
    let kept: unknown;
    try {
      kept = text === undefined ? undefined : this.#plant.restore(JSON.parse(text));
    } catch {
      kept = undefined;
    }
    if (text !== undefined && kept === undefined)
      this.#logger.warn(`The plant's state in ${file} cannot be read; the plant starts anew.`);
    if (kept === undefined) {
      this.#state = this.#plant.initialState(nowS, this.#random);
      return;
    }
    const away = nowS - this.#plant.timeS(kept);
    this.#state = this.#plant.step(
      this.#plant.at(kept, nowS - Math.min(catchUpSecondsMax, Math.max(0, away))),
      Math.min(catchUpSecondsMax, Math.max(0, away)),
      this.#random,
    );
  }

  #saveState(): Promise<void> {
    const file = this.#options.stateFile;
    if (file === undefined) return Promise.resolve();
    this.#saving = this.#saving.then(async () => {
      try {
        await mkdir(dirname(file), { recursive: true });
        await writeFile(`${file}.new`, JSON.stringify(this.#state), { mode: 0o600 });
        await rename(`${file}.new`, file);
      } catch (error) {
        this.#logger.warn(`Cannot keep the plant's state in ${file}: ${errorMessage(error)}.`);
      }
    });
    return this.#saving;
  }
}
