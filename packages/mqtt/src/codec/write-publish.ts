import type { PublishProperties } from './publish-properties.js';

/** What the broker adds to a PUBLISH for one subscriber (MQTT 5, 3.3.2.3). */
export interface SubscriberProperties {
  readonly subscriptionIdentifiers?: readonly number[];
  /** Replaces the publisher's expiry, s ([MQTT-3.3.2-6]). */
  readonly messageExpiryInterval?: number;
  readonly topicAlias?: number;
}

export interface PublishFrame {
  /** UTF-8; empty when a topic alias stands for it. */
  readonly topic: Buffer;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly dup: boolean;
  readonly retain: boolean;
  /** Only with QoS 1 and 2. */
  readonly packetId: number;
  /** Encoded properties without their length; undefined for MQTT 3.1.1, which has none. */
  readonly properties: Buffer | undefined;
}

const nothing: Buffer = Buffer.alloc(0);

/** Encodes the properties of a PUBLISH, without their length. The publisher's topic alias is never passed on. */
export function encodePublishProperties(
  properties: PublishProperties,
  own: SubscriberProperties = {},
): Buffer {
  const parts: Buffer[] = [];
  const expiry = own.messageExpiryInterval ?? properties.messageExpiryInterval;
  if (properties.payloadFormatIndicator !== undefined)
    parts.push(Buffer.from([0x01, properties.payloadFormatIndicator ? 1 : 0]));
  if (expiry !== undefined) {
    const part = Buffer.allocUnsafe(5);
    part[0] = 0x02;
    part.writeUInt32BE(expiry, 1);
    parts.push(part);
  }
  if (properties.contentType !== undefined) parts.push(pair(0x03, properties.contentType));
  if (properties.responseTopic !== undefined) parts.push(pair(0x08, properties.responseTopic));
  if (properties.correlationData !== undefined) parts.push(pair(0x09, properties.correlationData));
  for (const identifier of own.subscriptionIdentifiers ?? [])
    parts.push(Buffer.from([0x0b, ...variableInteger(identifier)]));
  if (own.topicAlias !== undefined)
    parts.push(Buffer.from([0x23, own.topicAlias >> 8, own.topicAlias & 0xff]));
  for (const [key, value] of Object.entries(properties.userProperties ?? {})) {
    for (const one of Array.isArray(value) ? value : [value])
      parts.push(pair(0x26, key), lengthPrefixed(Buffer.from(one)));
  }
  return parts.length === 0 ? nothing : Buffer.concat(parts);
}

/** Writes one PUBLISH into a buffer of its own (MQTT 5, 3.3). */
export function encodePublish(frame: PublishFrame): Buffer {
  const { topic, payload, qos, properties } = frame;
  const propertyLength = properties === undefined ? 0 : integerBytes(properties.length) + properties.length;
  const body = 2 + topic.length + (qos > 0 ? 2 : 0) + propertyLength + payload.length;
  const bytes = Buffer.allocUnsafe(1 + integerBytes(body) + body);
  bytes[0] = 0x30 | (frame.dup ? 8 : 0) | (qos << 1) | (frame.retain ? 1 : 0);
  let at = writeInteger(bytes, 1, body);
  bytes[at] = topic.length >> 8;
  bytes[at + 1] = topic.length & 0xff;
  at += 2;
  at += topic.copy(bytes, at);
  if (qos > 0) {
    bytes[at] = frame.packetId >> 8;
    bytes[at + 1] = frame.packetId & 0xff;
    at += 2;
  }
  if (properties !== undefined) {
    at = writeInteger(bytes, at, properties.length);
    at += properties.copy(bytes, at);
  }
  bytes.set(payload, at);
  return bytes;
}

function pair(id: number, value: string | Buffer): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return Buffer.concat([Buffer.from([id]), lengthPrefixed(bytes)]);
}

function lengthPrefixed(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

function integerBytes(value: number): number {
  if (value < 128) return 1;
  if (value < 16_384) return 2;
  return value < 2_097_152 ? 3 : 4;
}

function writeInteger(into: Buffer, at: number, value: number): number {
  let left = value;
  let cursor = at;
  while (left >= 128) {
    into[cursor++] = (left & 0x7f) | 0x80;
    left >>= 7;
  }
  into[cursor++] = left;
  return cursor;
}

function variableInteger(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(integerBytes(value));
  writeInteger(bytes, 0, value);
  return bytes;
}
