import type { DeviceType } from './device-type.js';
import { compareFirmware } from './semver.js';

/** A device as the check needs it: what its last message said of itself. */
export interface DeviceFirmware {
  readonly deviceId: string;
  readonly schemaVersion: string | undefined;
  readonly fwVersion: string | undefined;
}

/** `unknown`: the device never said which contract it sends by, so nothing can be concluded. */
export type Sending = 'yes' | 'no' | 'unknown';

/** Devices with the same firmware and contract version. */
export interface FirmwareGroup {
  readonly fwVersion: string | undefined;
  readonly schemaVersion: string | undefined;
  readonly sending: Sending;
  readonly deviceIds: readonly string[];
}

export interface RetirementReport {
  readonly sending: number;
  readonly unknown: number;
  readonly stopped: number;
  /** True only when no device sends the field and every one is known. */
  readonly mayRetire: boolean;
  /** Oldest firmware first. */
  readonly groups: readonly FirmwareGroup[];
}

/**
 * Which devices still send a field (CT-7): those whose contract version names it, unless their firmware is at least
 * `stoppedIn`, the release that no longer sends it. Undefined when no version of the type has the field.
 */
export function checkRetirement(
  type: DeviceType,
  field: string,
  devices: Iterable<DeviceFirmware>,
  stoppedIn?: string,
): RetirementReport | undefined {
  const having = new Set(
    type.versions.filter((v) => v.tags.some((tag) => tag.name === field)).map((v) => v.version),
  );
  if (having.size === 0) return undefined;
  const groups = new Map<string, FirmwareGroup & { deviceIds: string[] }>();
  const counts = { yes: 0, no: 0, unknown: 0 };
  for (const { deviceId, schemaVersion, fwVersion } of devices) {
    const sending = isSending(having, schemaVersion, fwVersion, stoppedIn);
    counts[sending]++;
    const key = JSON.stringify([fwVersion, schemaVersion]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { fwVersion, schemaVersion, sending, deviceIds: [deviceId] });
    else group.deviceIds.push(deviceId);
  }
  return {
    sending: counts.yes,
    unknown: counts.unknown,
    stopped: counts.no,
    mayRetire: counts.yes + counts.unknown === 0,
    groups: [...groups.values()].sort((a, b) => compareFirmware(a.fwVersion ?? '', b.fwVersion ?? '') ?? 0),
  };
}

function isSending(
  having: ReadonlySet<string>,
  schemaVersion: string | undefined,
  fwVersion: string | undefined,
  stoppedIn: string | undefined,
): Sending {
  if (schemaVersion === undefined) return 'unknown';
  if (!having.has(schemaVersion)) return 'no';
  if (stoppedIn === undefined) return 'yes';
  const order = fwVersion === undefined ? undefined : compareFirmware(fwVersion, stoppedIn);
  if (order === undefined) return 'unknown';
  return order >= 0 ? 'no' : 'yes';
}
