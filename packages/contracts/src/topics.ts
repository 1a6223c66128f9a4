import { MillraceError } from '@millrace/foundation';

/**
 * Topics (requirement PR-6): `{enterprise}/{site}/{area}/{line}/{device_type}/{device_id}/{class}[/...]`.
 * The first segment is the tenant. Hierarchy segments are lower-case-hyphen; device ids keep their case.
 */
export const topicClasses = [
  'telemetry',
  'status',
  'events',
  'commands',
  'config',
  'ota',
  'diagnostics',
  'waveform',
] as const;

export type TopicClass = (typeof topicClasses)[number];

/** Where a device hangs in the ISA-95 hierarchy. Every part is one validated topic segment. */
export interface DeviceAddress {
  readonly enterprise: string;
  readonly site: string;
  readonly area: string;
  readonly line: string;
  /** Contract name with `_`, e.g. `centrifugal_pump`; written with `-` in a topic. */
  readonly deviceType: string;
  readonly deviceId: string;
}

export interface ParsedTopic extends DeviceAddress {
  readonly class: TopicClass;
  /** Segments after the class, e.g. `['01HX...', 'ack']` for a command's ack. */
  readonly rest: readonly string[];
}

const SEGMENT = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
const DEVICE_ID = /^[A-Za-z0-9-]{1,64}$/;
const DEVICE_TYPE = /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/;

/** True for a valid hierarchy segment such as `plant-north`. */
export function isHierarchySegment(text: string): boolean {
  return text.length <= 64 && SEGMENT.test(text);
}

/** True for a valid device id such as `P-007`. */
export function isDeviceId(text: string): boolean {
  return DEVICE_ID.test(text);
}

/** True for a valid contract name such as `centrifugal_pump`. */
export function isDeviceTypeName(text: string): boolean {
  return DEVICE_TYPE.test(text);
}

/** `acme/north/pumping/line-1/centrifugal-pump/P-101`, with no class. Throws `invalid_argument` naming the bad part. */
export function topicPrefix(address: DeviceAddress): string {
  for (const part of ['enterprise', 'site', 'area', 'line'] as const) {
    if (!isHierarchySegment(address[part])) {
      throw new MillraceError(
        'invalid_argument',
        `${part} "${address[part]}" is not a topic segment: use lower-case letters, digits and single hyphens.`,
      );
    }
  }
  if (!isDeviceTypeName(address.deviceType)) {
    throw new MillraceError(
      'invalid_argument',
      `device type "${address.deviceType}" must be lower_case_with_underscores.`,
    );
  }
  if (!isDeviceId(address.deviceId)) {
    throw new MillraceError(
      'invalid_argument',
      `device id "${address.deviceId}" may hold only A-Z, a-z, 0-9 and hyphen.`,
    );
  }
  const { enterprise, site, area, line, deviceType, deviceId } = address;
  return `${enterprise}/${site}/${area}/${line}/${deviceType.replaceAll('_', '-')}/${deviceId}`;
}

/** A device's topic of a class, e.g. `.../P-101/telemetry` or `.../P-101/commands/01HX/ack`. */
export function deviceTopic(address: DeviceAddress, topicClass: TopicClass, ...rest: string[]): string {
  return [topicPrefix(address), topicClass, ...rest].join('/');
}

/** Reads a topic; undefined when it does not follow the template. */
export function parseTopic(topic: string): ParsedTopic | undefined {
  const parts = topic.split('/');
  const [enterprise, site, area, line, type, deviceId, topicClass, ...rest] = parts;
  if (!enterprise || !site || !area || !line || !type || !deviceId || !topicClass) return undefined;
  if (![enterprise, site, area, line, type].every(isHierarchySegment) || !isDeviceId(deviceId))
    return undefined;
  if (!(topicClasses as readonly string[]).includes(topicClass)) return undefined;
  const deviceType = type.replaceAll('-', '_');
  return { enterprise, site, area, line, deviceType, deviceId, class: topicClass as TopicClass, rest };
}

/** Identity on the wire (PR-7): certificate CN = MQTT client id = `tenant::device_id`. */
export function clientIdOf(tenant: string, deviceId: string): string {
  return `${tenant}::${deviceId}`;
}

/** The parts of a CN; a bare device id (single-tenant mode) has no tenant. Undefined when it is neither. */
export function parseClientId(
  cn: string,
): { readonly tenant: string | undefined; readonly deviceId: string } | undefined {
  const at = cn.indexOf('::');
  const tenant = at < 0 ? undefined : cn.slice(0, at);
  const deviceId = at < 0 ? cn : cn.slice(at + 2);
  if (!isDeviceId(deviceId) || (tenant !== undefined && !isHierarchySegment(tenant))) return undefined;
  return { tenant, deviceId };
}
