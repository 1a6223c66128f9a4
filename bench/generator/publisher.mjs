// One MQTT 5 connection that publishes one device's telemetry at QoS 1. A frame is built once and patched: packet id,
// time stamp, sequence number and ULID are digits at known places.

const BASE32 = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const PACKET_IDS = 4096;
/** Bytes by which a frame may grow while a run of them is built: the digits of `seq`, and the length field. */
const GROWTH = 5;

/** `frame` options: clientId, topic, payload (a function of seq giving the JSON text with marks, see run.ts). */
export function createPublisher(socket, options, onAck) {
  const sentAt = new Float64Array(PACKET_IDS + 1);
  const state = {
    outstanding: 0,
    sent: 0,
    seq: options.firstSeq ?? 1,
    packetId: 0,
    running: false,
    connected: false,
  };
  let template = buildTemplate(options, state.seq);
  let pending = [];
  let tail = Buffer.alloc(0);
  const ulidNoise = Math.floor(Math.random() * 32 ** 5);

  const publisher = {
    onConnected: () => {},
    get outstanding() {
      return state.outstanding;
    },
    get sent() {
      return state.sent;
    },
    /** Begins to keep the window full. */
    run() {
      state.running = true;
      fill(options.inFlight);
    },
    stop() {
      state.running = false;
    },
    sendOne() {
      if (state.outstanding >= options.inFlight) return false;
      const frame = Buffer.allocUnsafe(template.bytes.length + GROWTH);
      nextFrame(frame, 0);
      pending.push(frame.subarray(0, template.bytes.length));
      return true;
    },
    flush() {
      if (pending.length === 0) return;
      socket.write(pending.length === 1 ? pending[0] : Buffer.concat(pending));
      pending = [];
    },
  };

  function nextFrame(into, at) {
    if (state.seq >= template.seqLimit) template = buildTemplate(options, state.seq);
    const { bytes, idAt, tsAt, seqAt, seqDigits, ulidAt } = template;
    bytes.copy(into, at);
    state.packetId = (state.packetId % PACKET_IDS) + 1;
    into[at + idAt] = state.packetId >> 8;
    into[at + idAt + 1] = state.packetId & 0xff;
    const now = Date.now();
    digits(into, at + tsAt, 13, now);
    digits(into, at + seqAt, seqDigits, state.seq);
    base32(into, at + ulidAt, 10, now);
    base32(into, at + ulidAt + 10, 5, ulidNoise);
    base32(into, at + ulidAt + 15, 11, state.seq);
    sentAt[state.packetId] = performance.now();
    state.seq++;
    state.sent++;
    state.outstanding++;
    return into;
  }

  function fill(count) {
    if (count === 0) return;
    const buffer = Buffer.allocUnsafe((template.bytes.length + GROWTH) * count);
    let used = 0;
    for (let i = 0; i < count; i++) {
      nextFrame(buffer, used);
      used += template.bytes.length;
    }
    socket.write(buffer.subarray(0, used));
  }

  function onData(chunk) {
    const bytes = tail.length > 0 ? Buffer.concat([tail, chunk]) : chunk;
    let at = 0;
    let acks = 0;
    const now = performance.now();
    while (at + 2 <= bytes.length) {
      const end = packetEnd(bytes, at);
      if (end < 0 || end > bytes.length) break;
      const type = bytes[at] >> 4;
      if (type === 4) {
        const id = bytes.readUInt16BE(at + 2);
        state.outstanding--;
        acks++;
        onAck(now - sentAt[id], bytes[at + 1] > 2 ? bytes[at + 4] : 0);
      } else if (type === 2) {
        if (bytes[at + 3] !== 0)
          throw new Error(`CONNACK refused with 0x${bytes[at + 3].toString(16)} for ${options.clientId}`);
        state.connected = true;
        publisher.onConnected();
      } else if (type === 14) {
        throw new Error(`DISCONNECT 0x${(bytes[at + 2] ?? 0).toString(16)} for ${options.clientId}`);
      }
      at = end;
    }
    tail = at < bytes.length ? bytes.subarray(at) : Buffer.alloc(0);
    if (state.running && acks > 0 && !options.paced) fill(acks);
  }

  socket.on('data', onData);
  socket.once(socket.encrypted ? 'secureConnect' : 'connect', () =>
    socket.write(connectFrame(options.clientId)),
  );
  return publisher;
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

function connectFrame(clientId) {
  const id = Buffer.from(clientId);
  // MQTT 5, 3.1: protocol name, version 5, clean start, keep alive 60 s, no properties.
  const body = Buffer.concat([
    Buffer.from([0, 4, 77, 81, 84, 84, 5, 2, 0, 60, 0, id.length >> 8, id.length & 0xff]),
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
