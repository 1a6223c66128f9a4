/** Cuts a byte stream into MQTT control packets (MQTT 5, 2.1) and writes PUBLISH packets straight into bytes. */

/** Bounds on what a peer may send; a larger packet ends the connection. */
export const inboundPacketBytesMax = 4 * 1024 * 1024;

/** Splits reads into whole packets. `onFrame` gets the whole packet and where its body begins. */
export class FrameReader {
  #rest: Buffer | undefined;
  readonly #bytesMax: number;

  constructor(bytesMax: number = inboundPacketBytesMax) {
    this.#bytesMax = bytesMax;
  }

  /** Returns a sentence when the stream is broken, and undefined while it is well formed. */
  push(chunk: Buffer, onFrame: (frame: Buffer, bodyStart: number) => void): string | undefined {
    const bytes = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    this.#rest = undefined;
    let at = 0;
    while (at < bytes.length) {
      let length = 0;
      let shift = 0;
      let cursor = at + 1;
      let complete = false;
      while (cursor < bytes.length) {
        const byte = bytes[cursor++]!;
        length += (byte & 0x7f) * 2 ** shift;
        if ((byte & 0x80) === 0) {
          complete = true;
          break;
        }
        shift += 7;
        // MQTT 5 [MQTT-1.5.5-1]: a variable byte integer has at most four bytes.
        if (shift > 21) return 'the broker sent a malformed packet length';
      }
      if (complete && length > this.#bytesMax) {
        return `the broker sent a packet of ${length} bytes; the limit is ${this.#bytesMax}`;
      }
      if (!complete || cursor + length > bytes.length) break;
      onFrame(bytes.subarray(at, cursor + length), cursor - at);
      at = cursor + length;
    }
    if (at < bytes.length) this.#rest = at === 0 ? bytes : Buffer.from(bytes.subarray(at));
    return undefined;
  }
}

export interface PublishFrame {
  readonly topic: Buffer;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  /** Encoded properties with their length in front (MQTT 5, 3.3.2.3); undefined in 3.1.1. */
  readonly properties: Buffer | undefined;
}

/** Bytes the PUBLISH takes, fixed header included. */
export function publishFrameBytes(frame: PublishFrame): number {
  const body = publishBodyBytes(frame);
  return 1 + lengthBytes(body) + body;
}

/** Writes a PUBLISH at `at` and returns the offset behind it. The caller has made room by `publishFrameBytes`. */
export function writePublish(target: Buffer, at: number, frame: PublishFrame, packetId: number): number {
  let cursor = at;
  // MQTT 5, 3.3.1: type 3, DUP clear, QoS, RETAIN.
  target[cursor++] = 0x30 | (frame.qos << 1) | (frame.retain ? 1 : 0);
  cursor = writeVarint(target, cursor, publishBodyBytes(frame));
  target[cursor++] = frame.topic.length >> 8;
  target[cursor++] = frame.topic.length & 0xff;
  target.set(frame.topic, cursor);
  cursor += frame.topic.length;
  if (frame.qos > 0) {
    target[cursor++] = packetId >> 8;
    target[cursor++] = packetId & 0xff;
  }
  if (frame.properties) {
    target.set(frame.properties, cursor);
    cursor += frame.properties.length;
  }
  target.set(frame.payload, cursor);
  return cursor + frame.payload.length;
}

/** PUBLISH properties as bytes, length included; empty ones are a single zero. */
export function publishProperties(
  contentType: string | undefined,
  messageExpiryS: number | undefined,
): Buffer {
  const parts: Buffer[] = [];
  if (messageExpiryS !== undefined) {
    const expiry = Buffer.alloc(5);
    expiry[0] = 0x02; // 3.3.2.3.3 Message Expiry Interval
    expiry.writeUInt32BE(messageExpiryS, 1);
    parts.push(expiry);
  }
  if (contentType !== undefined) {
    const text = Buffer.from(contentType, 'utf8');
    const head = Buffer.alloc(3);
    head[0] = 0x03; // 3.3.2.3.9 Content Type
    head.writeUInt16BE(text.length, 1);
    parts.push(head, text);
  }
  const body = Buffer.concat(parts);
  const length = Buffer.alloc(lengthBytes(body.length));
  writeVarint(length, 0, body.length);
  return Buffer.concat([length, body]);
}

function publishBodyBytes(frame: PublishFrame): number {
  return (
    2 + frame.topic.length + (frame.qos > 0 ? 2 : 0) + (frame.properties?.length ?? 0) + frame.payload.length
  );
}

function lengthBytes(length: number): number {
  return length < 128 ? 1 : length < 16_384 ? 2 : length < 2_097_152 ? 3 : 4;
}

function writeVarint(target: Buffer, at: number, value: number): number {
  let rest = value;
  let cursor = at;
  do {
    const byte = rest % 128;
    rest = Math.floor(rest / 128);
    target[cursor++] = rest > 0 ? byte | 0x80 : byte;
  } while (rest > 0);
  return cursor;
}
