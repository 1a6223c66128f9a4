// The peer: what a user would wire up instead - Mosquitto, and a subscriber that stores each message in the same
// kind of table (JSON.parse, COPY, at most 2,000 rows or 5 ms a transaction) and acknowledges after the commit.
// Usage: node bench/ingest/peer.mjs '{"mosquitto":"/usr/sbin/mosquitto"}'; talks over the IPC channel.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import mqtt from 'mqtt-packet';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { freePort, startTestPostgres } from '../../packages/testing/dist/index.js';

const { mosquitto } = JSON.parse(process.argv[2]);
const folder = mkdtempSync(join(tmpdir(), 'millrace-peer-'));
const port = await freePort();
writeFileSync(
  join(folder, 'mosquitto.conf'),
  `listener ${port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 0\npersistence false\nuser root\n`,
);
const broker = spawn(mosquitto, ['-c', join(folder, 'mosquitto.conf')], { stdio: 'ignore' });
const server = await startTestPostgres({
  durable: true,
  settings: { shared_buffers: '256MB', max_wal_size: '4GB' },
});

const tags = ['temp_inlet_c', 'temp_outlet_c', 'pressure_bar', 'flow_m3h', 'vibration_rms_mms', 'power_kw'];
const columns = [
  'device_id',
  'ts',
  'received_at',
  'seq',
  'msg_id',
  ...tags,
  ...tags.map((tag) => `${tag}_q`),
];
const client = new pg.Client({ connectionString: server.url() });
await client.connect();
await client.query(`CREATE TABLE readings (device_id text, ts timestamptz, received_at timestamptz, seq bigint, msg_id text,
  ${tags.map((tag) => `${tag} double precision`).join(',')}, ${tags.map((tag) => `${tag}_q smallint`).join(',')});
  CREATE INDEX ON readings (device_id, ts)`);

let stored = 0;
let waiting = [];
let busy = false;
let stopping = false;
let timer;

function row(payload) {
  const message = JSON.parse(payload);
  const cells = [
    message.device_id,
    new Date(message.ts).toISOString(),
    new Date().toISOString(),
    message.seq,
    message.msg_id,
  ];
  for (const tag of tags) cells.push(message.d[tag].v);
  for (const tag of tags) cells.push(message.d[tag].q);
  return `${cells.join('\t')}\n`;
}

function store() {
  storeBatch().catch((error) => {
    // The rest of the backlog is of no interest once the bench has ended.
    if (!stopping) throw error;
  });
}

async function storeBatch() {
  clearTimeout(timer);
  timer = undefined;
  if (stopping || busy || waiting.length === 0) return;
  busy = true;
  const batch = waiting.slice(0, 2_000);
  waiting = waiting.slice(2_000);
  const copy = client.query(copyFrom(`COPY readings (${columns.join(',')}) FROM STDIN`));
  await pipeline(Readable.from([batch.map(({ payload }) => row(payload)).join('')]), copy);
  stored += batch.length;
  const acks = batch.map(({ messageId }) =>
    mqtt.generate({ cmd: 'puback', messageId }, { protocolVersion: 5 }),
  );
  socket.write(Buffer.concat(acks));
  busy = false;
  if (waiting.length >= 2_000) store();
  else timer ??= setTimeout(store, 5);
}

const socket = await connectWhenUp();
const parser = mqtt.parser({ protocolVersion: 5 });
socket.on('data', (bytes) => parser.parse(bytes));
parser.on('packet', (packet) => {
  if (packet.cmd === 'suback') process.send({ port });
  if (packet.cmd !== 'publish') return;
  waiting.push(packet);
  if (waiting.length >= 2_000) store();
  else timer ??= setTimeout(store, 5);
});
const send = (packet) => socket.write(mqtt.generate(packet, { protocolVersion: 5 }));
send({
  cmd: 'connect',
  protocolId: 'MQTT',
  protocolVersion: 5,
  clean: true,
  clientId: 'store',
  keepalive: 0,
  properties: { receiveMaximum: 65_535 },
});
send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'bench/#', qos: 1 }] });

async function connectWhenUp() {
  for (let attempt = 0; ; attempt++) {
    try {
      return await new Promise((resolve, reject) => {
        const made = net.connect({ host: '127.0.0.1', port }, () => resolve(made));
        made.once('error', reject);
      });
    } catch (error) {
      if (attempt > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

process.on('message', async (question) => {
  if (question === 'stored') process.send({ stored });
  if (question !== 'stop') return;
  stopping = true;
  broker.kill();
  await client.end().catch(() => {});
  await server.remove();
  rmSync(folder, { recursive: true, force: true });
  process.exit(0);
});
