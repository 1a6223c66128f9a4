// One MQTT 5 connection that publishes one device's telemetry at QoS 1. A frame is built once and patched: packet id,
// time stamp, sequence number and ULID are digits at known places.

import { randomInt } from 'node:crypto';

const BASE32 = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const PACKET_IDS = 4096;
/** Bytes by which a frame may grow while a run of them is built: the digits of `seq`, and the length field. */
const GROWTH = 5;

/** One device's connection. `options`: clientId, topic, payload (see run.ts), inFlight, paced, firstSeq. */
class Publisher {
  #socket;
  #options;
  #onAck;
  #sentAt = new Float64Array(PACKET_IDS + 1);
  #template;
  #pending = [];
  #tail = Buffer.alloc(0);
  #seq;
  #packetId = 0;
  #running = false;
  #ulidNoise = randomInt(32 ** 5);
  outstanding = 0;
  sent = 0;
  onConnected = () => {};

  constructor(socket, options, onAck) {
    this.#socket = socket;
    this.#options = options;
    this.#onAck = onAck;
    this.#seq = options.firstSeq ?? 1;
    this.#template = buildTemplate(options, this.#seq);
    socket.on('data', (chunk) => this.#onData(chunk));
    socket.once(socket.encrypted ? 'secureConnect' : 'connect', () =>
      socket.write(connectFrame(options.clientId, options.keepAliveS ?? 60)),
    );
  }

  /** Begins to keep the window full. */
  run() {
    this.#running = true;
    this.#fill(this.#options.inFlight);
  }

  stop() {
    this.#running = false;
  }

  /** Prepares one message for the next `flush`; false when the window is full. */
  sendOne() {
    if (this.outstanding >= this.#options.inFlight) return false;
    const frame = Buffer.allocUnsafe(this.#template.bytes.length + GROWTH);
    this.#nextFrame(frame, 0);
    this.#pending.push(frame.subarray(0, this.#template.bytes.length));
    return true;
  }

  /** MQTT 5, 3.12: a client that keeps its connection alive says so. */
  ping() {
    this.#socket.write(Buffer.from([0xc0, 0]));
  }

  flush() {
    if (this.#pending.length === 0) return;
    this.#socket.write(this.#pending.length === 1 ? this.#pending[0] : Buffer.concat(this.#pending));
    this.#pending = [];
  }

  #nextFrame(into, at) {
    if (this.#seq >= this.#template.seqLimit) this.#template = buildTemplate(this.#options, this.#seq);
    const { bytes, idAt, tsAt, seqAt, seqDigits, ulidAt } = this.#template;
    bytes.copy(into, at);
    this.#packetId = (this.#packetId % PACKET_IDS) + 1;
    into[at + idAt] = this.#packetId >> 8;
    into[at + idAt + 1] = this.#packetId & 0xff;
    const now = Date.now();
    digits(into, at + tsAt, 13, now);
    digits(into, at + seqAt, seqDigits, this.#seq);
    base32(into, at + ulidAt, 10, now);
    base32(into, at + ulidAt + 10, 5, this.#ulidNoise);
    base32(into, at + ulidAt + 15, 11, this.#seq);
    this.#sentAt[this.#packetId] = performance.now();
    this.#seq++;
    this.sent++;
    this.outstanding++;
  }

  #fill(count) {
    if (count === 0) return;
    const buffer = Buffer.allocUnsafe((this.#template.bytes.length + GROWTH) * count);
    let used = 0;
    for (let i = 0; i < count; i++) {
      this.#nextFrame(buffer, used);
      used += this.#template.bytes.length;
    }
    this.#socket.write(buffer.subarray(0, used));
  }

  #onData(chunk) {
    const bytes = this.#tail.length > 0 ? Buffer.concat([this.#tail, chunk]) : chunk;
    let at = 0;
    let acks = 0;
    const now = performance.now();
    while (at + 2 <= bytes.length) {
      const end = packetEnd(bytes, at);
      if (end < 0 || end > bytes.length) break;
      if (this.#onPacket(bytes, at, now)) acks++;
      at = end;
    }
    this.#tail = at < bytes.length ? bytes.subarray(at) : Buffer.alloc(0);
    if (this.#running && acks > 0 && !this.#options.paced) this.#fill(acks);
  }

  /** True for a PUBACK. */
  #onPacket(bytes, at, now) {
    const { clientId } = this.#options;
    const type = bytes[at] >> 4;
    if (type === 4) {
      this.outstanding--;
      this.#onAck(now - this.#sentAt[bytes.readUInt16BE(at + 2)], bytes[at + 1] > 2 ? bytes[at + 4] : 0);
      return true;
    }
    if (type === 2) {
      if (bytes[at + 3] !== 0)
        throw new Error(`CONNACK refused with 0x${bytes[at + 3].toString(16)} for ${clientId}`);
      this.onConnected();
    } else if (type === 14) {
      throw new Error(`DISCONNECT 0x${(bytes[at + 2] ?? 0).toString(16)} for ${clientId}`);
    }
    return false;
  }
}

export function createPublisher(socket, options, onAck) {
  return new Publisher(socket, options, onAck);
}

function buildTemplate(options, seq) {
  const seqDigits = String(seq).length;
  const mark = { ts: '1000000000000', seq: '7'.repeat(seqDigits), ulid: '0ZZZZZZZZZZZZZZZZZZZZZZZZZ' };
  const payload = Buffer.from(
    options.payload.replace('"{ts}"', mark.ts).replace('"{seq}"', mark.seq).replace('{ulid}', mark.ulid),
  );
  const topic = Buffer.from(options.topic);
  const body = 2 + topic.length + 2 + 1 + payload.length;
  const header = [0x32];
  for (let left = body; ; ) {
    const byte = left & 0x7f;
    left >>= 7;
    header.push(left > 0 ? byte | 0x80 : byte);
    if (left === 0) break;
  }
  const bytes = Buffer.concat([
    Buffer.from(header),
    Buffer.from([topic.length >> 8, topic.length & 0xff]),
    topic,
    Buffer.from([0, 0, 0]),
    payload,
  ]);
  const idAt = header.length + 2 + topic.length;
  const payloadAt = idAt + 3;
  return {
    bytes,
    idAt,
    tsAt: payloadAt + payload.indexOf(`"ts":${mark.ts}`) + 5,
    seqAt: payloadAt + payload.indexOf(`"seq":${mark.seq}`) + 6,
    seqDigits,
    seqLimit: 10 ** seqDigits,
    ulidAt: payloadAt + payload.indexOf(mark.ulid),
  };
}

export function connectFrame(clientId, keepAliveS) {
  const id = Buffer.from(clientId);
  // MQTT 5, 3.1: protocol name, version 5, clean start, keep alive in seconds, no properties.
  const body = Buffer.concat([
    Buffer.from([
      0,
      4,
      77,
      81,
      84,
      84,
      5,
      2,
      keepAliveS >> 8,
      keepAliveS & 0xff,
      0,
      id.length >> 8,
      id.length & 0xff,
    ]),
    id,
  ]);
  return Buffer.concat([Buffer.from([0x10, body.length]), body]);
}

function packetEnd(bytes, at) {
  let length = 0;
  let shift = 0;
  let cursor = at + 1;
  for (;;) {
    if (cursor >= bytes.length) return -1;
    const byte = bytes[cursor++];
    length |= (byte & 0x7f) << shift;
    if ((byte & 0x80) === 0) return cursor + length;
    shift += 7;
  }
}

function digits(into, at, count, value) {
  let left = value;
  for (let i = count - 1; i >= 0; i--) {
    const next = Math.floor(left / 10);
    into[at + i] = 48 + (left - next * 10);
    left = next;
  }
}

function base32(into, at, count, value) {
  let left = value;
  for (let i = count - 1; i >= 0; i--) {
    const next = Math.floor(left / 32);
    into[at + i] = BASE32.charCodeAt(left - next * 32);
    left = next;
  }
}
