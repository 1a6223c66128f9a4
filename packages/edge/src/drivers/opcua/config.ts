import { field, type Infer } from '@millrace/foundation';
import { tagSettings } from '../../config/tag-settings.js';

const subscriptionTag = {
  sampling_ms: field.optional(
    field.integer('Sampling interval of this tag.', { min: 0, max: 3_600_000, unit: 'ms' }),
  ),
  queue: field.optional(
    field.integer('Samples the server keeps of this tag between publishes.', { min: 1, max: 10_000 }),
  ),
  server_deadband: field.optional(
    field.object('Deadband applied by the server, before sampling reaches the network.', {
      percent: field.optional(
        field.number('Of the EURange; needs one on the node.', { min: 0, max: 100, unit: '%' }),
      ),
      absolute: field.optional(field.number('In the engineering unit.', { min: 0 })),
    }),
  ),
};

/** Configuration of one OPC UA server. */
export const config = field.object('An OPC UA server.', {
  url: field.string('Endpoint, e.g. opc.tcp://plc-7:4840.', {
    pattern: /^opc\.tcp:\/\/[^\s/]+(?:\/\S*)?$/,
    patternDoc: 'write opc.tcp://host:port',
  }),
  security: field.oneOf('Message security.', ['SignAndEncrypt', 'Sign', 'None'], {
    default: 'SignAndEncrypt',
  }),
  policy: field.oneOf(
    'Security policy.',
    ['Basic256Sha256', 'Aes128_Sha256_RsaOaep', 'Aes256_Sha256_RsaPss'],
    {
      default: 'Basic256Sha256',
    },
  ),
  pki_dir: field.string("Folder of this gateway's OPC UA certificate, made there at the first start.", {
    default: 'opcua-pki',
  }),
  trust: field.list(
    'Certificate files (PEM or DER) of servers, or of the CAs that sign them, that this gateway trusts.',
    field.string('A file.', {}),
    { default: [] },
  ),
  account_file: field.optional(
    field.string(
      'JSON file {"user", "password"}: signs in by name. Anonymous without this and `user_certificate`.',
      {},
    ),
  ),
  user_certificate: field.optional(
    field.object('Signs in by certificate.', {
      certificate: field.string('Certificate file (PEM).', {}),
      key: field.string('Key file (PEM).', {}),
    }),
  ),
  publishing_ms: field.integer('Publishing interval.', {
    min: 10,
    max: 3_600_000,
    default: 1000,
    unit: 'ms',
  }),
  sampling_ms: field.integer('Sampling interval.', { min: 0, max: 3_600_000, default: 500, unit: 'ms' }),
  queue: field.integer('Samples the server keeps per tag between publishes.', {
    min: 1,
    max: 10_000,
    default: 10,
  }),
  lifetime: field.integer('Publishing intervals without a client before the server drops the subscription.', {
    min: 3,
    max: 100_000,
    default: 10,
  }),
  keepalive: field.integer('Empty publishing intervals between two signs of life.', {
    min: 1,
    max: 1000,
    default: 3,
  }),
  session_timeout_s: field.integer('Session timeout.', { min: 5, max: 3600, default: 30, unit: 's' }),
  devices: field.map(
    'Devices behind this server, by device id.',
    field.object('A device.', {
      tags: field.map(
        'Tags of the device type, by name.',
        field.object('A tag.', {
          node: field.string('Node id, e.g. ns=2;s=P-103.flow_m3h.', {
            pattern: /^(?:ns=\d+;)?[isgb]=.+$/,
            patternDoc: 'write a node id such as ns=2;s=Pump.Flow or ns=3;i=1001',
          }),
          ...subscriptionTag,
          ...tagSettings,
        }),
      ),
    }),
  ),
});

export type Config = Infer<typeof config>;
