// The product under test in a process of its own: embedded PostgreSQL, ingest with everything behind it, broker.
// Usage: node bench/ingest/server.mjs '{"devices":1000,"dataDir":"...","port":55433}' (or "databaseUrl"); talks over the IPC channel.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createBroker, silentObserver } from '../../packages/broker/dist/index.js';
import { topicPrefix } from '../../packages/contracts/dist/index.js';
import { systemClock, systemRandom } from '../../packages/foundation/dist/index.js';
import { Database, migrations } from '../../packages/platform/dist/database/index.js';
import { River } from '../../packages/platform/dist/ingest/index.js';
import { MapDirectory } from '../../packages/platform/dist/ingest/map-directory.js';

const options = JSON.parse(process.argv[2]);
const line = (level) => (message, fields) =>
  process.stderr.write(`${level} ${message} ${JSON.stringify(fields ?? {})}\n`);
const logger = {
  debug: () => {},
  info: () => {},
  warn: line('warn'),
  error: line('error'),
  child: () => logger,
};
const passedIn = { clock: systemClock, random: systemRandom, logger };

function device(deviceNo) {
  const deviceId = `P-${deviceNo}`;
  const address = {
    enterprise: 'bench',
    site: 'site',
    area: 'area',
    line: `line-${deviceNo % 10}`,
    deviceType: 'centrifugal_pump',
    deviceId,
  };
  return { ...address, tenantId: 1, deviceNo, topicPrefix: topicPrefix(address), gatewayDeviceId: null };
}

const devices = Array.from({ length: options.devices }, (_, i) => device(i + 1));
const where = options.databaseUrl ? { url: options.databaseUrl } : {};
const database = new Database({
  dataDir: options.dataDir,
  port: options.port,
  ...where,
  migrations,
  ...passedIn,
});
await database.start();
const directory = new MapDirectory(new Map([['bench', 1]]), devices);
const river = new River({ database, directory, tenantIds: () => [1], ...passedIn });
await river.start();

/** TLS 1.3 with client certificates of the product's own PKI. All clients share one: a handshake is not measured. */
async function openPki() {
  const { Pki } = await import('../../packages/platform/dist/identity/pki.js');
  const pki = new Pki({
    dataDir: options.dataDir,
    clock: systemClock,
    logger,
    hosts: ['localhost', '127.0.0.1'],
  });
  await pki.open();
  const client = await pki.issueWithKey('bench::client', 'device');
  const files = { ca: pki.rootPem, cert: client.pem + pki.operationsPem, key: client.keyPem };
  const paths = {};
  for (const [name, pem] of Object.entries(files)) {
    paths[name] = join(options.dataDir, `bench-${name}.pem`);
    writeFileSync(paths[name], pem, { mode: 0o600 });
  }
  return {
    listener: { url: 'mqtts://127.0.0.1:0', tls: pki.serviceTls },
    client: { ...paths, servername: 'localhost' },
  };
}

const tls = options.tls ? await openPki() : undefined;
const broker = createBroker({
  listeners: [tls?.listener ?? { url: 'mqtt://127.0.0.1:0' }],
  ingress: river.ingress,
  authenticator: {
    authenticate: async ({ clientId }) => ({
      ok: true,
      principal: {
        clientId,
        tenant: 'bench',
        certificateSerial: undefined,
        messagesPerMinuteAlert: Number.POSITIVE_INFINITY,
      },
    }),
  },
  authorizer: { mayPublish: () => true, maySubscribe: () => true },
  observer: silentObserver,
  ...passedIn,
});
await broker.start();

const ticksPerS = 100;
let rssPeak = 0;
setInterval(() => {
  rssPeak = Math.max(rssPeak, process.memoryUsage.rss());
}, 250).unref();

/** CPU seconds of the server and all of its processes, those that ended included. */
function databaseCpuS() {
  const server = database.serverPid;
  const stat = (pid) => {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
  };
  const own = stat(server);
  let ticks = own[11] + own[12] + own[13] + own[14];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const fields = stat(name);
      if (fields[1] === server) ticks += fields[11] + fields[12];
    } catch {
      // The process ended while we looked.
    }
  }
  return ticks / ticksPerS;
}

process.on('message', async (question) => {
  if (question === 'cpu') {
    const { user, system } = process.cpuUsage();
    process.send({ platformS: (user + system) / 1e6, databaseS: databaseCpuS() });
  } else if (question === 'state') {
    process.send({
      rss: process.memoryUsage.rss(),
      heldRows: river.ingress.heldRows,
      saturations: river.ingress.counts.saturations,
      broker: broker.stats(),
    });
  } else if (question === 'settle') {
    await database.owner.query('CHECKPOINT');
    process.send({ settled: true });
  } else if (question === 'counts') {
    const { rows } = await database.owner.query(
      `SELECT coalesce(sum(copies), 0)::bigint AS stored, count(*) AS numbers
         FROM (SELECT count(*) AS copies FROM telemetry_centrifugal_pump GROUP BY device_no, seq) n`,
    );
    const { rows: size } = await database.owner.query(
      `SELECT sum(pg_total_relation_size(inhrelid)) AS bytes FROM pg_inherits WHERE inhparent = 'telemetry_centrifugal_pump'::regclass`,
    );
    process.send({
      ...rows[0],
      bytes: Number(size[0].bytes),
      ingest: { ...river.ingress.counts },
      rates: river.live.rates(),
      rssPeak,
    });
  } else if (question === 'stop') {
    await broker.stop();
    await river.stop();
    await database.stop();
    process.exit(0);
  }
});
process.send({
  tls: tls?.client,
  port: broker.listenerPorts[0],
  topics: devices.map(({ deviceId, topicPrefix: prefix }) => ({ deviceId, topic: `${prefix}/telemetry` })),
});
