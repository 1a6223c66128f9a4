// Our broker for the bench: a process of its own, so that its cost can be told apart. Prints its port.
import { createBroker, openAuthenticator, silentObserver } from '../../packages/broker/dist/index.js';
import { silentLogger, systemClock, systemRandom } from '../../packages/foundation/dist/index.js';

const broker = createBroker({
  listeners: [{ url: 'mqtt://127.0.0.1:0' }],
  authenticator: openAuthenticator,
  authorizer: { mayPublish: () => true, maySubscribe: () => true },
  observer: silentObserver,
  clock: systemClock,
  random: systemRandom,
  logger: silentLogger,
});
await broker.start();
process.stdout.write(`${broker.listenerPorts[0]}\n`);
process.on('SIGTERM', () => broker.stop().then(() => process.exit(0)));
