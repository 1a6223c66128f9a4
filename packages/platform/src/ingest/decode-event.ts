import { createHash } from 'node:crypto';
import { errorMessage } from '@millrace/foundation';
import type { PendingDeadLetter, PendingEvent } from './batch.js';
import type { Binding, DeviceRoute } from './route.js';
import { deadLetter, implausibleTime } from './verdict.js';

interface Said {
  readonly msg_id?: unknown;
  readonly device_id?: unknown;
  readonly ts?: unknown;
  readonly online?: unknown;
  readonly event?: { readonly type?: unknown };
}

/** Decodes a message of the `events` or `status` class. A status becomes an event of type `online` or `offline`. */
export function decodeEvent(
  bytes: Buffer,
  binding: Binding,
  route: DeviceRoute,
  receivedAt: number,
): PendingEvent | PendingDeadLetter {
  let said: Said;
  try {
    said = JSON.parse(bytes.toString('utf8')) as Said;
  } catch (error) {
    return deadLetter('malformed_payload', `Not JSON: ${errorMessage(error)}`);
  }
  if (typeof said !== 'object' || said === null) return deadLetter('malformed_payload', 'Not a JSON object.');
  if (said.device_id !== route.entry.deviceId)
    return deadLetter('device_mismatch', `device_id is not ${route.entry.deviceId}.`);
  if (!Number.isSafeInteger(said.ts)) return deadLetter('schema_violation', '/ts must be an integer.');
  const ts = said.ts as number;
  const wrong = implausibleTime(ts, receivedAt);
  if (wrong !== undefined) return wrong;
  const type = typeOf(said, binding);
  if (type === undefined)
    return deadLetter(
      'schema_violation',
      binding.class === 'status' ? '/online must be true or false.' : '/event/type must be a word.',
    );
  return {
    tenantId: route.entry.tenantId,
    deviceNo: route.entry.deviceNo,
    msgId: typeof said.msg_id === 'string' ? said.msg_id.slice(0, 64) : hashOf(route, bytes),
    ts,
    receivedAt,
    type,
    // jsonb cannot hold U+0000.
    body: JSON.stringify(said.event ?? said).replaceAll('\\u0000', ''),
  };
}

function typeOf(said: Said, binding: Binding): string | undefined {
  if (binding.class === 'status')
    return typeof said.online === 'boolean' ? (said.online ? 'online' : 'offline') : undefined;
  const type = said.event?.type;
  return typeof type === 'string' && /^[a-z][a-z0-9_]{0,63}$/.test(type) ? type : undefined;
}

function hashOf(route: DeviceRoute, bytes: Buffer): string {
  return createHash('sha256').update(String(route.entry.deviceNo)).update(bytes).digest('hex').slice(0, 32);
}
