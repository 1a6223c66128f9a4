import { decodeProtobuf, protobufSchemaVersion } from '@millrace/contracts';
import { isMillraceError } from '@millrace/foundation';
import type { PendingDeadLetter } from './batch.js';
import { decodeMessage, type Parsed } from './decode-json.js';
import type { Binding, DeviceRoute } from './route.js';
import type { RowScratch } from './row-scratch.js';
import { deadLetter } from './verdict.js';

/**
 * Decodes the Protobuf form: from its bytes it makes the envelope of the full form, and the same rules decide from
 * there, so that a value means the same whichever way it came.
 */
export function decodeProtobufRow(
  bytes: Buffer,
  binding: Binding,
  route: DeviceRoute,
  scratch: RowScratch,
  nowMs: number,
): PendingDeadLetter | undefined {
  scratch.clear();
  let message: Parsed;
  try {
    const version = protobufSchemaVersion(bytes) ?? '1.0';
    message = decodeProtobuf(bytes, route.type.versions.get(version)?.contract) as Parsed;
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    return deadLetter('malformed_payload', error.message);
  }
  return decodeMessage(message, bytes, binding, route, scratch, nowMs);
}
