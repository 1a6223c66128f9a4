import { isUtf8 } from 'node:buffer';

/** The properties a PUBLISH from a client may carry (MQTT 5, 3.3.2.3). */
export interface PublishProperties {
  payloadFormatIndicator?: boolean;
  messageExpiryInterval?: number;
  contentType?: string;
  responseTopic?: string;
  correlationData?: Buffer;
  topicAlias?: number;
  userProperties?: Record<string, string | string[]>;
}

interface Cursor {
  at: number;
  readonly end: number;
}

/** Reads them; undefined when one is unknown, given twice or cut short (a protocol error, 3.3.2.3). */
export function readPublishProperties(
  bytes: Buffer,
  start: number,
  end: number,
): PublishProperties | undefined {
  const cursor: Cursor = { at: start, end };
  const properties: PublishProperties = {};
  const seen = new Set<number>();
  while (cursor.at < end) {
    const id = bytes[cursor.at++]!;
    if (id !== 0x26 && seen.has(id)) return undefined;
    seen.add(id);
    if (!readOne(bytes, id, cursor, properties)) return undefined;
  }
  return properties;
}

function readOne(bytes: Buffer, id: number, cursor: Cursor, into: PublishProperties): boolean {
  switch (id) {
    case 0x01: {
      if (cursor.at + 1 > cursor.end || bytes[cursor.at]! > 1) return false;
      into.payloadFormatIndicator = bytes[cursor.at++] === 1;
      return true;
    }
    case 0x02: {
      if (cursor.at + 4 > cursor.end) return false;
      into.messageExpiryInterval = bytes.readUInt32BE(cursor.at);
      cursor.at += 4;
      return true;
    }
    case 0x23: {
      if (cursor.at + 2 > cursor.end) return false;
      into.topicAlias = bytes.readUInt16BE(cursor.at);
      cursor.at += 2;
      return true;
    }
    case 0x03:
    case 0x08:
    case 0x09: {
      const data = readBinary(bytes, cursor);
      // [MQTT-1.5.4-1]: text that is not UTF-8 makes the packet malformed; correlation data is binary.
      if (!data || (id !== 0x09 && !isUtf8(data))) return false;
      if (id === 0x03) into.contentType = data.toString('utf8');
      else if (id === 0x08) into.responseTopic = data.toString('utf8');
      else into.correlationData = Buffer.from(data);
      return true;
    }
    case 0x26: {
      const key = readText(bytes, cursor);
      const value = readText(bytes, cursor);
      if (key === undefined || value === undefined) return false;
      // Without a prototype: a client may name a property `valueOf` or `__proto__`.
      into.userProperties ??= Object.create(null) as Record<string, string | string[]>;
      const known = into.userProperties[key];
      into.userProperties[key] = known === undefined ? value : [known, value].flat();
      return true;
    }
    default:
      return false;
  }
}

function readText(bytes: Buffer, cursor: Cursor): string | undefined {
  const data = readBinary(bytes, cursor);
  return data && isUtf8(data) ? data.toString('utf8') : undefined;
}

function readBinary(bytes: Buffer, cursor: Cursor): Buffer | undefined {
  if (cursor.at + 2 > cursor.end) return undefined;
  const length = bytes.readUInt16BE(cursor.at);
  const start = cursor.at + 2;
  if (start + length > cursor.end) return undefined;
  cursor.at = start + length;
  return bytes.subarray(start, start + length);
}
