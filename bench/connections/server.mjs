// The broker alone in a process of its own: TLS 1.3, client certificates, sessions kept in SQLite.
// Usage: node bench/connections/server.mjs '{"dataDir":"...","port":8883,"tls":{"cert":"..","key":"..","ca":".."}}'
import { join } from 'node:path';
import { createBroker, SqliteStore, silentObserver } from '../../packages/broker/dist/index.js';
import { systemClock, systemRandom } from '../../packages/foundation/dist/index.js';

const { dataDir, port, tls } = JSON.parse(process.argv[2]);
const line = (level) => (message, fields) =>
  process.stderr.write(`${level} ${message} ${JSON.stringify(fields ?? {})}\n`);
const logger = {
  debug: () => {},
  info: () => {},
  warn: line('warn'),
  error: line('error'),
  child: () => logger,
};

const broker = createBroker({
  listeners: [{ url: `mqtts://127.0.0.1:${port}`, tls }],
  // The certificate is verified by TLS; all clients of the bench share one, so its name is not compared.
  authenticator: {
    authenticate: async ({ clientId, certificate }) =>
      certificate
        ? {
            ok: true,
            principal: {
              clientId,
              tenant: 'bench',
              certificateSerial: certificate.serial,
              messagesPerMinuteAlert: Number.POSITIVE_INFINITY,
            },
          }
        : { ok: false, reasonCode: 0x87, reason: 'a client certificate is required' },
  },
  authorizer: { mayPublish: () => true, maySubscribe: () => true },
  observer: silentObserver,
  clock: systemClock,
  random: systemRandom,
  logger,
  store: new SqliteStore(join(dataDir, 'sessions.db')),
});
await broker.start();
process.on('disconnect', () => process.exit(0));
process.send({ ready: true });
