// Publishers and subscribers of one scenario, in one process. Usage: node load.mjs '<options>'; prints one JSON line.
// Closed loop: a publisher sends while less than its window is on the way, to the broker and to the subscribers, so
// that neither broker is made to drop. At QoS 0 a PINGRESP tells that what was sent before it has been handled.
import net from 'node:net';

const { port, publishers, subscribers, qos, window, seconds, warmupS, payloadBytes } = JSON.parse(
  process.argv[2],
);
const state = { sent: 0, acked: 0, delivered: 0, measuring: false, ackedBefore: 0, deliveredBefore: 0 };
const senders = [];

function frameOf(type, body) {
  const length = [];
  for (let left = body.length; ; left >>= 7) {
    length.push(left > 127 ? (left & 0x7f) | 0x80 : left);
    if (left <= 127) break;
  }
  return Buffer.concat([Buffer.from([type, ...length]), body]);
}

function text(value) {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

/** Opens a connection, says CONNECT (MQTT 5, clean, no keep alive) and resolves at CONNACK. */
function open(clientId, onPacket, onRead) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: '127.0.0.1', port }, () =>
      socket.write(
        frameOf(
          0x10,
          Buffer.concat([text('MQTT'), Buffer.from([5, 2, 0, 0, 3, 0x21, 0xff, 0xff]), text(clientId)]),
        ),
      ),
    );
    socket.setNoDelay(true);
    socket.on('error', reject);
    socket.on('close', () => {
      process.stderr.write(`${clientId}: the broker closed the connection\n`);
      process.exit(1);
    });
    let rest = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
      let at = 0;
      while (at + 2 <= bytes.length) {
        let length = 0;
        let shift = 0;
        let body = at + 1;
        let byte;
        do {
          byte = bytes[body++];
          length |= (byte & 0x7f) << shift;
          shift += 7;
        } while (byte & 0x80 && body < bytes.length);
        if (byte & 0x80 || body + length > bytes.length) break;
        if (bytes[at] >> 4 === 2) resolve(socket);
        else onPacket(socket, bytes, at, body);
        at = body + length;
      }
      rest = at < bytes.length ? bytes.subarray(at) : Buffer.alloc(0);
      onRead();
    });
  });
}

async function openSubscriber(index) {
  let replies = [];
  const socket = await open(
    `s${index}`,
    (to, bytes, at, body) => {
      const type = bytes[at] >> 4;
      if (type === 3) {
        state.delivered++;
        if (qos === 0) return;
        const id = body + 2 + bytes.readUInt16BE(body);
        replies.push(qos === 1 ? 0x40 : 0x50, 2, bytes[id], bytes[id + 1]);
      } else if (type === 6) replies.push(0x70, 2, bytes[body], bytes[body + 1]);
      else if (type === 9) to.emit('subscribed');
    },
    () => {
      if (replies.length > 0) socket.write(Buffer.from(replies));
      replies = [];
      for (const sender of senders) sender.fill();
    },
  );
  await new Promise((resolve) => {
    socket.once('subscribed', resolve);
    socket.write(frameOf(0x82, Buffer.concat([Buffer.from([0, 1, 0]), text('bench/#'), Buffer.from([qos])])));
  });
  return socket;
}

async function openPublisher(index) {
  const topic = text(`bench/${index}`);
  const frame = frameOf(
    0x30 | (qos << 1),
    Buffer.concat([topic, Buffer.alloc(qos > 0 ? 3 : 1), Buffer.alloc(payloadBytes, 120)]),
  );
  const idAt = frame.length - payloadBytes - 3;
  const sender = { outstanding: 0, id: 0, pings: [], fill };
  let replies = [];
  const acknowledged = (count) => {
    sender.outstanding -= count;
    state.acked += count;
  };
  const socket = await open(
    `p${index}`,
    (_to, bytes, at, body) => {
      const type = bytes[at] >> 4;
      if (type === 4 || type === 7) acknowledged(1);
      else if (type === 5) replies.push(0x62, 2, bytes[body], bytes[body + 1]);
      else if (type === 13) acknowledged(sender.pings.shift());
    },
    () => {
      if (replies.length > 0) socket.write(Buffer.from(replies));
      replies = [];
      fill();
    },
  );
  const total = window * publishers;
  function fill() {
    if (!state.running) return;
    const room = Math.min(
      window - sender.outstanding,
      subscribers === 0
        ? window
        : Math.floor((total * subscribers - (state.sent * subscribers - state.delivered)) / subscribers),
    );
    // A few at a time cost a system call each; half a window shares one.
    if (room < Math.max(1, window >> 1)) return;
    const bytes = Buffer.allocUnsafe(frame.length * room);
    for (let i = 0; i < room; i++) {
      frame.copy(bytes, i * frame.length);
      if (qos === 0) continue;
      sender.id = (sender.id % 60_000) + 1;
      bytes.writeUInt16BE(sender.id, i * frame.length + idAt);
    }
    sender.outstanding += room;
    state.sent += room;
    socket.write(bytes);
    if (qos > 0) return;
    sender.pings.push(room);
    socket.write(Buffer.from([0xc0, 0]));
  }
  return sender;
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
for (let i = 0; i < subscribers; i++) await openSubscriber(i);
for (let i = 0; i < publishers; i++) senders.push(await openPublisher(i));
state.running = true;
for (const sender of senders) sender.fill();
await sleep(warmupS * 1000);
process.stderr.write('window\n');
const before = { ...state, at: performance.now(), cpu: process.cpuUsage() };
await sleep(seconds * 1000);
const windowS = (performance.now() - before.at) / 1000;
const cpu = process.cpuUsage(before.cpu);
process.stderr.write('window-end\n');
const result = {
  published_per_s: (state.acked - before.acked) / windowS,
  delivered_per_s: (state.delivered - before.delivered) / windowS,
  load_cpu_cores: (cpu.user + cpu.system) / 1e6 / windowS,
};
state.running = false;
const until = performance.now() + 10_000;
const due = () => state.sent * subscribers - state.delivered + state.sent - state.acked;
while (due() > 0 && performance.now() < until) await sleep(20);
process.stdout.write(`${JSON.stringify({ ...result, lost: due() })}\n`);
process.exit(0);
