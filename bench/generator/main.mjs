// The load generator: its own process, so that its cost and the product's are measured apart.
// Usage: node bench/generator/main.mjs < options.json   (see run.ts for the options); prints one line of JSON.
import { readFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import { createPublisher } from './publisher.mjs';

const options = JSON.parse(readFileSync(0, 'utf8'));
const {
  clients,
  host,
  port,
  inFlight = 32,
  warmupS = 3,
  seconds = 10,
  rate = 0,
  connectBatch = 50,
  keepAliveS = 0,
  drainS = 30,
} = options;

const latency = new Uint32Array(200_000); // 0.1 ms a slot, up to 20 s
const totals = { sent: 0, acked: 0, refused: 0, ackedInWindow: 0, closed: 0 };
let measuring = false;
let sending = false;

function onAck(latencyMs, reasonCode) {
  totals.acked++;
  if (reasonCode >= 0x80) totals.refused++;
  if (!measuring) return;
  totals.ackedInWindow++;
  latency[Math.min(latency.length - 1, Math.floor(latencyMs * 10))]++;
}

function open(client) {
  const socket = options.tls
    ? tls.connect({
        host,
        port,
        ca: readFileSync(options.tls.ca),
        cert: readFileSync(client.cert ?? options.tls.cert),
        key: readFileSync(client.key ?? options.tls.key),
        minVersion: 'TLSv1.3',
        servername: options.tls.servername ?? 'localhost',
      })
    : net.connect({ host, port });
  socket.setNoDelay(true);
  const publisher = createPublisher(
    socket,
    { ...client, inFlight, paced: rate > 0, ...(keepAliveS > 0 ? { keepAliveS } : {}) },
    onAck,
  );
  return new Promise((resolve, reject) => {
    publisher.onConnected = () => resolve(publisher);
    socket.on('error', reject);
    socket.on('close', () => {
      totals.closed++;
      reject(new Error('the broker closed the connection'));
    });
  });
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function connectAll() {
  const publishers = [];
  for (let i = 0; i < clients.length; i += connectBatch) {
    publishers.push(...(await Promise.all(clients.slice(i, i + connectBatch).map(open))));
  }
  return publishers;
}

/** Sends at `rate` over all connections in turn; what the window refuses is not made up for later. */
function pace(publishers) {
  let next = 0;
  let owed = 0;
  let last = performance.now();
  return setInterval(() => {
    if (!sending) return;
    const now = performance.now();
    owed = Math.min(owed + (rate * (now - last)) / 1000, rate);
    last = now;
    for (let tried = 0; owed >= 1 && tried < publishers.length * 4; tried++) {
      if (publishers[next].sendOne()) {
        totals.sent++;
        owed--;
      }
      next = (next + 1) % publishers.length;
    }
    for (const publisher of publishers) publisher.flush();
  }, 2);
}

function percentile(p) {
  const wanted = totals.ackedInWindow * p;
  let seen = 0;
  for (let slot = 0; slot < latency.length; slot++) {
    seen += latency[slot];
    if (seen >= wanted && seen > 0) return (slot + 1) / 10;
  }
  return null;
}

const publishers = await connectAll();
if (keepAliveS > 0)
  setInterval(() => {
    for (const publisher of publishers) publisher.ping();
  }, keepAliveS * 500).unref();
if (options.progress) setInterval(() => process.stderr.write(`acked ${totals.acked}\n`), 100).unref();
const cpuStart = process.cpuUsage();
sending = true;
let pacer;
if (rate > 0) pacer = pace(publishers);
else for (const publisher of publishers) publisher.run();
await sleep(warmupS * 1000);
measuring = true;
const cpuWindow = process.cpuUsage();
const startedAt = performance.now();
process.stderr.write('window\n');
await sleep(seconds * 1000);
measuring = false;
const windowS = (performance.now() - startedAt) / 1000;
const cpu = process.cpuUsage(cpuWindow);
process.stderr.write('window-end\n');
sending = false;
clearInterval(pacer);
for (const publisher of publishers) publisher.stop();
const drainUntil = performance.now() + drainS * 1000;
while (publishers.some((p) => p.outstanding > 0) && performance.now() < drainUntil && totals.closed === 0)
  await sleep(20);
const result = {
  connections: publishers.length,
  sent: publishers.reduce((sum, p) => sum + p.sent, 0),
  acked: totals.acked,
  refused: totals.refused,
  closed: totals.closed,
  acked_in_window: totals.ackedInWindow,
  window_s: windowS,
  messages_per_s: totals.ackedInWindow / windowS,
  ack_p50_ms: percentile(0.5),
  ack_p99_ms: percentile(0.99),
  generator_cpu_us_per_message:
    totals.ackedInWindow > 0 ? (cpu.user + cpu.system) / totals.ackedInWindow : null,
  generator_cpu_cores: (cpu.user + cpu.system) / 1e6 / windowS,
  cpu_total_s: (process.cpuUsage(cpuStart).user + process.cpuUsage(cpuStart).system) / 1e6,
};
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
