import {
  deviceTypes,
  latestContract,
  Quality,
  type QualityCode,
  type TagContract,
} from '@millrace/contracts';
import { MillraceError } from '@millrace/foundation';
import type { PlantMap } from './plants/map-types.js';
import type { DeviceReadings } from './plants/plant.js';

export const faultKinds = ['wire-break', 'stuck', 'drift', 'power-loss'] as const;
export type FaultKind = (typeof faultKinds)[number];

/** A fault that is in force. */
export interface Fault {
  readonly deviceId: string;
  readonly kind: FaultKind;
  /** The tags it concerns; empty for `power-loss`, which concerns the device. */
  readonly tags: readonly string[];
  /** Monotonic time it began, ms; drift grows from here. */
  readonly sinceMs: number;
  /** For `stuck`: what the tags showed when they froze. */
  readonly frozen?: DeviceReadings;
}

/** What is served for a tag at one instant. */
export interface ServedTag {
  readonly value: number | boolean;
  readonly quality: QualityCode;
}

/** How fast a drifting sensor leaves the truth, in parts of its range per minute, and how far it goes. */
export const driftPerMinute = 0.05;
const driftMost = 0.5;

/** Device id to device type, for every device of the plant. */
export function plantDevices(map: PlantMap): ReadonlyMap<string, string> {
  return new Map([...map.modbus, ...map.opcua.devices].map((d) => [d.deviceId, d.deviceType]));
}

/** The tags of a device type, from its newest contract. */
export function tagsOf(deviceType: string): readonly TagContract[] {
  const type = deviceTypes.get(deviceType);
  if (!type) throw new MillraceError('not_found', `There is no device type ${deviceType}.`);
  return latestContract(type).tags;
}

const isAnalog = (tag: TagContract) => tag.type === 'float64' && tag.range !== undefined && !tag.counter;

/** The signal people think of first: pressure of a pump, level of a tank, else the first analog one. */
function mainTag(tags: readonly TagContract[]): TagContract | undefined {
  const analog = tags.filter(isAnalog);
  return analog.find((tag) => tag.name === 'pressure_bar' || tag.name === 'level_m') ?? analog[0];
}

/**
 * Which tags a fault order means. Without `tag`, a wire break and a drift concern the device's main analog signal,
 * `stuck` all its tags. Throws `not_found` or `invalid_argument` with what there is to choose from.
 */
export function faultTargets(
  map: PlantMap,
  deviceId: string,
  kind: string,
  tag: string | undefined,
): { readonly kind: FaultKind; readonly tags: readonly string[] } {
  const devices = plantDevices(map);
  const deviceType = devices.get(deviceId);
  if (deviceType === undefined)
    throw new MillraceError(
      'not_found',
      `The plant has no device ${deviceId}; it has ${[...devices.keys()].join(', ')}.`,
    );
  const known = faultKinds.find((name) => name === kind);
  if (!known)
    throw new MillraceError(
      'invalid_argument',
      `There is no fault kind ${kind}; choose one of ${faultKinds.join(', ')}.`,
    );
  if (known === 'power-loss') {
    if (tag !== undefined)
      throw new MillraceError(
        'invalid_argument',
        `A power-loss takes the whole device ${deviceId} down; leave out the tag.`,
      );
    return { kind: known, tags: [] };
  }
  const all = tagsOf(deviceType);
  const possible = known === 'stuck' ? all : all.filter(isAnalog);
  if (tag === undefined) {
    const main = mainTag(all);
    return { kind: known, tags: known === 'stuck' ? all.map((t) => t.name) : main ? [main.name] : [] };
  }
  if (!possible.some((t) => t.name === tag))
    throw new MillraceError(
      'invalid_argument',
      `${deviceId} has no tag ${tag} that ${known} can strike; choose one of ${possible.map((t) => t.name).join(', ')}.`,
    );
  return { kind: known, tags: [tag] };
}

/** Whether the device has no power. */
export function hasPower(faults: readonly Fault[], deviceId: string): boolean {
  return !faults.some((fault) => fault.deviceId === deviceId && fault.kind === 'power-loss');
}

/** How far (in the tag's unit) a drift that began at `sinceMs` has carried a sensor by `nowMs`. */
export function driftOf(range: readonly [number, number], sinceMs: number, nowMs: number): number {
  const parts = Math.min(driftMost, (driftPerMinute * Math.max(0, nowMs - sinceMs)) / 60_000);
  return parts * (range[1] - range[0]);
}

/**
 * What the device serves for its true `readings` under the `faults` in force: a drifting sensor lies with a good
 * conscience, a stuck one repeats itself, a broken wire has quality 28 and no meaningful value, no power is 24.
 */
export function applyFaults(
  deviceId: string,
  tags: readonly TagContract[],
  readings: DeviceReadings,
  faults: readonly Fault[],
  nowMs: number,
): Record<string, ServedTag> {
  const mine = faults.filter((fault) => fault.deviceId === deviceId);
  const power = hasPower(mine, deviceId);
  const served: Record<string, ServedTag> = {};
  for (const tag of tags) {
    const of = (kind: FaultKind) =>
      mine.find((fault) => fault.kind === kind && fault.tags.includes(tag.name));
    const truth = readings[tag.name];
    const drift = of('drift');
    const drifted =
      drift && tag.range && typeof truth === 'number'
        ? truth + driftOf(tag.range, drift.sinceMs, nowMs)
        : truth;
    const value = of('stuck')?.frozen?.[tag.name] ?? drifted;
    // A tag the source does not give (a recording without that column) has no value at all.
    const quality = !power
      ? Quality.badDeviceFailure
      : value === undefined
        ? Quality.bad
        : of('wire-break')
          ? Quality.badSensorFailure
          : Quality.good;
    served[tag.name] = { value: value ?? (tag.type === 'boolean' ? false : 0), quality };
  }
  return served;
}
