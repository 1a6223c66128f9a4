/**
 * Reading MQTT control packets in place, without making an object for each. Only the fixed header (MQTT 5, 2.1) and
 * PUBLISH (3.3) are read here; every other packet goes through `mqtt-packet`.
 */

/** Packet types in the high nibble of the first byte (MQTT 5, table 2-1). */
export const PacketType = {
  connect: 1,
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  suback: 9,
  unsubscribe: 10,
  unsuback: 11,
  pingreq: 12,
  pingresp: 13,
  disconnect: 14,
  auth: 15,
} as const;

/** Where a packet ends; `incomplete` when more bytes are needed, `malformed` when no more bytes can mend it. */
export const incomplete = -1;
export const malformed = -2;

/** One packet's place in a buffer. Reused by the caller from packet to packet. */
export interface PacketBounds {
  /** First byte after the fixed header. */
  bodyStart: number;
  /** First byte after the packet. */
  end: number;
}

/**
 * Reads the fixed header at `at`. Returns 0 and fills `bounds` when the length is known and the whole packet is
 * there; `incomplete` or `malformed` otherwise. With `incomplete`, `bounds.end` is the packet's end when its length
 * is already known, else 0, so that a caller can refuse a packet that is too large before it has arrived.
 */
export function scanPacket(bytes: Buffer, at: number, limit: number, bounds: PacketBounds): number {
  let length = 0;
  let shift = 0;
  let cursor = at + 1;
  bounds.end = 0;
  for (;;) {
    if (cursor >= limit) return incomplete;
    const byte = bytes[cursor++]!;
    length |= (byte & 0x7f) << shift;
    if ((byte & 0x80) === 0) break;
    shift += 7;
    // 1.5.5: a Variable Byte Integer has at most four bytes.
    if (shift > 21) return malformed;
  }
  bounds.bodyStart = cursor;
  bounds.end = cursor + length;
  return bounds.end <= limit ? 0 : incomplete;
}

/** The parts of a PUBLISH as offsets into the buffer it was read from. Reused from packet to packet. */
export interface PublishView {
  qos: number;
  retain: boolean;
  dup: boolean;
  packetId: number;
  topicStart: number;
  topicEnd: number;
  /** Properties without their length; equal offsets when there are none or the version has none. */
  propertiesStart: number;
  propertiesEnd: number;
  payloadStart: number;
  payloadEnd: number;
}

/** A view to be filled by `scanPublish`. */
export function emptyPublishView(): PublishView {
  return {
    qos: 0,
    retain: false,
    dup: false,
    packetId: 0,
    topicStart: 0,
    topicEnd: 0,
    propertiesStart: 0,
    propertiesEnd: 0,
    payloadStart: 0,
    payloadEnd: 0,
  };
}

/** Reads a complete PUBLISH. False when it is malformed; the topic's characters are not judged here. */
export function scanPublish(
  bytes: Buffer,
  start: number,
  bounds: PacketBounds,
  v5: boolean,
  view: PublishView,
): boolean {
  const flags = bytes[start]!;
  const { end } = bounds;
  let cursor = bounds.bodyStart;
  view.qos = (flags >> 1) & 3;
  view.retain = (flags & 1) === 1;
  view.dup = (flags & 8) !== 0;
  // [MQTT-3.3.1-4] both QoS bits set, [MQTT-3.3.1-2] DUP with QoS 0.
  if (view.qos === 3 || (view.qos === 0 && view.dup)) return false;
  if (cursor + 2 > end) return false;
  const topicLength = (bytes[cursor]! << 8) | bytes[cursor + 1]!;
  view.topicStart = cursor + 2;
  view.topicEnd = view.topicStart + topicLength;
  cursor = view.topicEnd;
  view.packetId = 0;
  if (view.qos > 0) {
    if (cursor + 2 > end) return false;
    view.packetId = (bytes[cursor]! << 8) | bytes[cursor + 1]!;
    // [MQTT-2.2.1-3] a packet identifier is not zero.
    if (view.packetId === 0) return false;
    cursor += 2;
  }
  if (cursor > end) return false;
  if (v5) {
    const body = readPropertyLength(bytes, cursor, end, view);
    if (body < 0) return false;
    cursor = body;
  } else {
    view.propertiesStart = cursor;
    view.propertiesEnd = cursor;
  }
  view.payloadStart = cursor;
  view.payloadEnd = end;
  return true;
}

function readPropertyLength(bytes: Buffer, at: number, end: number, view: PublishView): number {
  let length = 0;
  let shift = 0;
  let cursor = at;
  for (;;) {
    if (cursor >= end || shift > 21) return -1;
    const byte = bytes[cursor++]!;
    length |= (byte & 0x7f) << shift;
    if ((byte & 0x80) === 0) break;
    shift += 7;
  }
  view.propertiesStart = cursor;
  view.propertiesEnd = cursor + length;
  return view.propertiesEnd <= end ? view.propertiesEnd : -1;
}
