// Many MQTT 5 clients over TLS in a process of their own. Each keeps its session, subscribes to its own commands
// topic, and when its connection ends comes back after 1 s doubling to 60 s, with full jitter, like the gateway.
// Usage: node bench/connections/clients.mjs '<options>'; sends {type:'up',up} over the IPC channel.
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import tls from 'node:tls';

const { host, port, sessions, ca, cert, key, servername, connectAtOnce } = JSON.parse(process.argv[2]);
const secureContext = tls.createSecureContext({
  ca: readFileSync(ca),
  cert: readFileSync(cert),
  key: readFileSync(key),
  minVersion: 'TLSv1.3',
});
const answerMs = 30_000;
const firstBackoffMs = 1000;
const maxBackoffMs = 60_000;
const totals = { up: 0, attempts: 0, failures: 0, resumed: 0 };

/** A string field of MQTT (1.5.4). */
function field(text) {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

function connectFrame(clientId) {
  // MQTT 5, 3.1: version 5, session kept, keep alive 600 s (the broker grants less), session expiry one hour.
  const head = Buffer.from([0, 4, 77, 81, 84, 84, 5, 0, 2, 88, 5, 0x11, 0, 0, 0x0e, 0x10]);
  const body = Buffer.concat([head, field(clientId)]);
  return Buffer.concat([Buffer.from([0x10, body.length]), body]);
}

function subscribeFrame(filter) {
  const body = Buffer.concat([Buffer.from([0, 1, 0]), field(filter), Buffer.from([1])]);
  return Buffer.concat([Buffer.from([0x82, body.length]), body]);
}

class Client {
  #clientId;
  #localAddress;
  #failures = 0;
  #socket;
  #up = false;
  onUp = () => {};

  constructor(index) {
    this.#clientId = `bench::P-${index}`;
    // 28,000 free ports are enough for one address; four leave room for connections that are still closing.
    this.#localAddress = `127.0.0.${1 + (index % 4)}`;
  }

  connect() {
    totals.attempts++;
    const socket = tls.connect({ host, port, secureContext, servername, localAddress: this.#localAddress });
    this.#socket = socket;
    socket.setNoDelay(true);
    const late = setTimeout(() => socket.destroy(new Error('no answer in time')), answerMs);
    socket.on('secureConnect', () => socket.write(connectFrame(this.#clientId)));
    socket.on('data', (bytes) => this.#onData(bytes, late));
    socket.on('error', () => totals.failures++);
    socket.on('close', () => {
      clearTimeout(late);
      this.#lost();
    });
  }

  ping() {
    if (this.#up) this.#socket.write(Buffer.from([0xc0, 0]));
  }

  #onData(bytes, late) {
    const type = bytes[0] >> 4;
    // CONNACK: the flags tell whether the session was there, the next byte is the reason code.
    if (type === 2) {
      const bodyAt = bytes[1] & 0x80 ? 3 : 2;
      if (bytes[bodyAt + 1] !== 0) throw new Error(`CONNACK 0x${bytes[bodyAt + 1].toString(16)}`);
      if (bytes[bodyAt] & 1) {
        totals.resumed++;
        this.#isUp(late);
      } else this.#socket.write(subscribeFrame(`bench/commands/${this.#clientId}`));
    } else if (type === 9) this.#isUp(late);
  }

  #isUp(late) {
    clearTimeout(late);
    this.#up = true;
    this.#failures = 0;
    totals.up++;
    this.onUp();
  }

  #lost() {
    if (this.#up) totals.up--;
    this.#up = false;
    const backoffMs = Math.min(maxBackoffMs, firstBackoffMs * 2 ** this.#failures++);
    setTimeout(() => this.connect(), randomInt(Math.ceil(backoffMs)));
  }
}

const clients = Array.from({ length: sessions }, (_, index) => new Client(index));
setInterval(() => process.send({ type: 'up', ...totals }), 100);
// The broker grants 60 s of keep alive.
setInterval(() => {
  for (const client of clients) client.ping();
}, 25_000);
process.on('disconnect', () => process.exit(0));

let next = 0;
const more = () => clients[next++]?.connect();
for (const client of clients) {
  client.onUp = () => {
    client.onUp = () => {};
    more();
  };
}
for (let i = 0; i < connectAtOnce; i++) more();
