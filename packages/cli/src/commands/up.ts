import type { CommandSpec } from '../command.js';
import { dataOption, logOptions, portBaseOption } from '../options.js';

export const up: CommandSpec = {
  path: ['up'],
  group: 'Run',
  summary: 'run the platform: database, MQTT broker, ingestion, API and console',
  description:
    'Runs the platform alone, until Ctrl-C. With no DATABASE_URL it brings its own PostgreSQL, kept in the data folder.',
  options: [
    {
      flags: '--config <file>',
      doc: 'platform configuration (YAML); without it every setting has its default',
    },
    {
      flags: '--roles <list>',
      doc: 'what this process does: broker,ingest,api,jobs (default: all); processes of one platform share DATABASE_URL',
    },
    {
      flags: '--bus <url>',
      doc: 'Apache Kafka between broker and ingest, kafka://host:port[,host:port]; default: a direct call',
    },
    {
      flags: '--broker <url>',
      doc: 'read from this MQTT broker, mqtts://host:port, instead of listening; its certificates stand in the configuration',
    },
    {
      flags: '--redis <url>',
      doc: 'redis://host:port: show values at once in processes that do not ingest (default: within a second)',
    },
    dataOption,
    portBaseOption,
    ...logOptions,
  ],
  examples: [
    { line: 'millrace up', doc: 'with defaults: console on 8080, MQTT over TLS on 8883' },
    { line: 'millrace up --config platform.yaml --data /var/lib/millrace', doc: 'as a service would' },
    {
      line: 'millrace up --roles ingest --bus kafka://kafka:9092 --data /var/lib/millrace-ingest-2',
      doc: 'one more process that stores readings',
    },
  ],
  load: async () => (await import('../work/up.js')).runUp,
};
