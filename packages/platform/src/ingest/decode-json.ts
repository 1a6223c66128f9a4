import { createHash } from 'node:crypto';
import type { Envelope, TaggedValue, TagValue } from '@millrace/contracts';
import { errorMessage } from '@millrace/foundation';
import type { PendingDeadLetter } from './batch.js';
import type { Binding, DeviceRoute } from './route.js';
import { Kind, type RowScratch } from './row-scratch.js';
import type { TypeRoute, VersionRoute } from './type-route.js';
import { readUlid } from './ulid-bytes.js';
import { deadLetter, implausibleTime } from './verdict.js';

/** Unknown tags a message may carry; more is a sender that went wrong. */
export const extrasMax = 64;
const extraNameMax = 64;

type Values = Record<string, TaggedValue | TagValue>;
export interface Parsed extends Omit<Partial<Envelope>, 'd'> {
  readonly d?: Values;
}

/**
 * The complete decoder: JSON.parse, the contract's JSON Schema, the upgrade to the newest version. It decides what
 * is valid; the scanner (scan-json.ts) is a faster way to the same verdicts for the ordinary message. Fills
 * `scratch`, and returns the reason when the message is a dead letter (with `seq` filled where it is readable).
 */
export function decodeJson(
  bytes: Buffer,
  binding: Binding,
  route: DeviceRoute,
  scratch: RowScratch,
  nowMs: number,
): PendingDeadLetter | undefined {
  scratch.clear();
  let parsed: unknown;
  try {
    parsed = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    return deadLetter('malformed_payload', `Not JSON: ${errorMessage(error)}`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    return deadLetter('malformed_payload', 'The payload is JSON but not an object.');
  const message = expandCompact(parsed as Record<string, unknown>, route.type);
  return decodeMessage(message, bytes, binding, route, scratch, nowMs);
}

/** What every form comes down to: an envelope of the full form, not yet validated. `scratch` has been cleared. */
export function decodeMessage(
  message: Parsed,
  bytes: Buffer,
  binding: Binding,
  route: DeviceRoute,
  scratch: RowScratch,
  nowMs: number,
): PendingDeadLetter | undefined {
  // Before the version is judged: where `seq` stands is the same in all of them.
  if (message.device_id === route.entry.deviceId) noteNumber(message, scratch);
  const version = message.schema_version ?? '1.0';
  const versionRoute = route.type.versions.get(version);
  if (typeof version !== 'string' || versionRoute === undefined)
    return deadLetter('unknown_schema_version', `${route.type.name} has no version ${String(version)}.`, {
      shown: `unknown_schema_version_${String(version)}`,
      schemaVersion: String(version),
    });
  if (!versionRoute.validate(message)) return violation(versionRoute, version);
  const mismatch = checkSpeaker(message, binding, route);
  if (mismatch !== undefined) return mismatch;
  readHeader(message, bytes, route, scratch);
  route.schemaVersion = version;
  const late = implausibleTime(scratch.ts, nowMs);
  return late ?? readValues(message.d!, versionRoute, route.type, scratch);
}

function violation(version: VersionRoute, schemaVersion: string): PendingDeadLetter {
  const first = version.validate.errors?.at(-1);
  const where = first?.instancePath === '' || first === undefined ? 'The message' : first.instancePath;
  return deadLetter('schema_violation', `${where} ${first?.message ?? 'violates the contract'}.`, {
    schemaVersion,
  });
}

/** The number of a message, before anything else is known of it: should it be wrong, it is noted so that the ledger can count it as dead-lettered. */
function noteNumber(message: Parsed, scratch: RowScratch): void {
  const { seq, ts } = message;
  if (Number.isSafeInteger(seq) && seq! >= 1) scratch.seq = seq!;
  const epoch = message.meta?.epoch;
  if (Number.isInteger(epoch) && epoch! >= 0 && epoch! <= 0xffff_ffff) scratch.epoch = epoch!;
  scratch.ts = Number.isSafeInteger(ts) && ts! >= 0 ? ts! : 0;
}

function checkSpeaker(message: Parsed, binding: Binding, route: DeviceRoute): PendingDeadLetter | undefined {
  if (message.device_id !== route.entry.deviceId)
    return deadLetter(
      'device_mismatch',
      `device_id ${message.device_id} was published under ${route.entry.deviceId}.`,
    );
  const gateway = message.meta?.gw_id;
  if (gateway === undefined || gateway === binding.clientId || gateway === binding.speakerId)
    return undefined;
  return deadLetter(
    'gateway_mismatch',
    `meta.gw_id ${gateway} came over the connection of ${binding.clientId}.`,
  );
}

function readHeader(message: Parsed, bytes: Buffer, route: DeviceRoute, scratch: RowScratch): void {
  if (message.msg_id !== undefined)
    scratch.hasMsgId = readUlid(Buffer.from(message.msg_id, 'latin1'), 0, scratch.msgId);
  if (!scratch.hasMsgId && scratch.seq === 0) {
    // D2C-1: without msg_id and seq the identity is device, ts and content; ts is part of the content.
    const hash = createHash('sha256').update(String(route.entry.deviceNo)).update(bytes).digest();
    hash.copy(scratch.msgId, 0, 0, 16);
    scratch.hasMsgId = true;
  }
  scratch.sourceTs = message.meta?.source_ts ?? -1;
  if (scratch.sourceTs > 8.64e15) scratch.sourceTs = -1;
  scratch.fwVersion = message.meta?.fw_version;
}

function readValues(
  given: Values,
  version: VersionRoute,
  type: TypeRoute,
  scratch: RowScratch,
): PendingDeadLetter | undefined {
  const values = version === type.latest ? given : upgrade(given, version);
  for (const name of Object.keys(values)) {
    const given = values[name]!;
    const tagged: TaggedValue = isTagged(given) ? given : { v: given as TagValue, q: 192 };
    const column = type.columnByTag.get(name);
    if (column === undefined) {
      if (scratch.extras.length >= extrasMax || name.length > extraNameMax)
        return deadLetter(
          'schema_violation',
          `More than ${extrasMax} unknown tags, or a name of over ${extraNameMax} characters.`,
        );
      scratch.extras.push(extraOf(name, tagged));
    } else if (tagged.v === undefined || !put(scratch, column, tagged))
      return deadLetter('schema_violation', `/d/${name} has a value that the contract does not allow.`);
  }
  return undefined;
}

function isTagged(given: unknown): given is TaggedValue {
  return typeof given === 'object' && given !== null && 'v' in given && 'q' in given;
}

function extraOf(tag: string, { v, q }: TaggedValue): { tag: string; json: string; q: number } {
  // jsonb cannot hold U+0000.
  const json = (JSON.stringify(v) ?? 'null').replaceAll('\\u0000', '');
  return { tag, json, q: Number.isInteger(q) && q >= 0 && q <= 255 ? q : 192 };
}

function put(scratch: RowScratch, column: number, { v, q }: TaggedValue): boolean {
  scratch.q[column] = q;
  if (v === null) scratch.kind[column] = Kind.none;
  else if (typeof v === 'number') {
    scratch.kind[column] = Kind.number;
    scratch.value[column] = v;
  } else if (typeof v === 'boolean') {
    scratch.kind[column] = Kind.boolean;
    scratch.value[column] = v ? 1 : 0;
  } else if (typeof v === 'string') {
    scratch.kind[column] = Kind.text;
    scratch.text[column] = v;
  } else return false;
  return true;
}

/** Values of an older version as those of the newest; a renamed tag keeps its quality. */
function upgrade(given: Values, version: VersionRoute): Values {
  const convert = version.contract.upgrade;
  if (convert === undefined) return given;
  const result: Values = {};
  for (const [name, each] of Object.entries(given)) {
    const tagged = isTagged(each) ? each : { v: each as TagValue, q: 192 };
    // One at a time, so that the quality follows the value whatever it is called afterwards.
    for (const [renamed, v] of Object.entries(convert({ [name]: tagged.v })))
      result[renamed] = { v, q: tagged.q };
  }
  return result;
}

/** The flat compact form `{v, id, t, s, m, e, <short>: value | [value, q]}` as the full form (D2C-1). */
function expandCompact(message: Record<string, unknown>, type: TypeRoute): Parsed {
  if (!('v' in message) || 'd' in message) return message as Parsed;
  const { v, id, t, s, m, e, ...rest } = message;
  const contract = type.versions.get(String(v))?.contract;
  const d: Record<string, unknown> = {};
  for (const [short, given] of Object.entries(rest)) {
    const name = contract?.tags.find((tag) => tag.short === short)?.name ?? short;
    d[name] = Array.isArray(given) ? { v: given[0], q: given[1] } : given;
  }
  return {
    schema_version: v,
    device_id: id,
    ts: t,
    ...(s === undefined ? {} : { seq: s }),
    ...(m === undefined ? {} : { msg_id: m }),
    d,
    ...(e === undefined ? {} : { meta: { epoch: e } }),
  } as unknown as Parsed;
}
