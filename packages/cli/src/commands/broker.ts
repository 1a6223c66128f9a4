import type { CommandSpec } from '../command.js';
import { dataOption, logOptions } from '../options.js';

export const broker: CommandSpec = {
  path: ['broker'],
  group: 'Run',
  summary: 'run the MQTT broker alone, without platform',
  description:
    'Runs the MQTT 5 and 3.1.1 broker by itself, for other clients and for interoperability tests.',
  options: [
    {
      flags: '--listen <address>',
      doc: 'where to listen: mqtt://, mqtts://, ws:// or wss://HOST:PORT (default: mqtt://127.0.0.1:1883); may be repeated',
      many: true,
    },
    {
      flags: '--allow-anonymous',
      doc: 'let clients in without a certificate; required for a plain listener',
    },
    {
      flags: '--deny-subscribe <filter>',
      doc: 'refuse subscriptions to this filter; may be repeated',
      many: true,
    },
    { flags: '--cert <file>', doc: 'certificate of a TLS listener (PEM)' },
    { flags: '--key <file>', doc: 'its key (PEM)' },
    { flags: '--ca <file>', doc: 'CA of the clients of a TLS listener (PEM)' },
    dataOption,
    ...logOptions,
  ],
  examples: [
    {
      line: 'millrace broker --listen mqtt://127.0.0.1:1883 --allow-anonymous',
      doc: 'an open broker on this machine',
    },
  ],
  load: async () => (await import('../work/broker.js')).runBroker,
};
