import { field, type Infer, type ObjectField } from '@millrace/foundation';
import { type DriverConfig, driverConfigs } from '../drivers/registry.generated.js';

const segment = {
  pattern: /^[a-z0-9]+(?:-[a-z0-9]+)*$/,
  patternDoc: 'use lower-case letters, digits and single hyphens',
};
const deviceId = {
  pattern: /^[A-Za-z0-9-]{1,64}$/,
  patternDoc: 'use letters, digits and hyphens, at most 64',
};

const settings = {
  gateway: field.object('Who this gateway is and where it hangs in the ISA-95 tree.', {
    id: field.string('Device id of the gateway.', deviceId),
    tenant: field.string('Tenant, the first segment of every topic.', segment),
    site: field.string('Site.', segment),
    area: field.string('Area.', segment),
    line: field.string('Line.', segment),
  }),
  uplink: field.object('The connection to the platform.', {
    url: field.string('Broker address.', {
      pattern: /^mqtts?:\/\/(?:\[[0-9a-fA-F:]+\]|[^:/\s]+)(?::\d{1,5})?\/?$/,
      patternDoc: 'write mqtts://host:port',
    }),
    ca: field.optional(field.string('CA certificates of the broker (PEM).', {})),
    certificate: field.optional(field.string('Certificate of this gateway with its chain (PEM).', {})),
    key: field.optional(field.string('Key of that certificate (PEM).', {})),
    keepalive_s: field.integer('MQTT keepalive.', { min: 5, max: 65_535, default: 60, unit: 's' }),
    in_flight: field.integer('Messages sent and not yet acknowledged at a time.', {
      min: 1,
      max: 65_535,
      default: 500,
    }),
    connect_timeout_s: field.number('Longest wait for the handshake.', {
      min: 1,
      max: 300,
      default: 10,
      unit: 's',
    }),
    backoff_s_first: field.number('Wait before the first new attempt; doubles.', {
      min: 0.05,
      max: 60,
      default: 1,
      unit: 's',
    }),
    backoff_s_max: field.number('Longest wait between two attempts.', {
      min: 0.05,
      max: 3600,
      default: 60,
      unit: 's',
    }),
  }),
  outbox: field.object(
    'Store and forward (ED-2).',
    {
      file: field.string('SQLite file; made when it does not exist.', { default: 'outbox.db' }),
      batch: field.integer('Messages read from the outbox at a time.', {
        min: 100,
        max: 10_000,
        default: 500,
      }),
      linger_ms: field.integer('Longest wait for more samples before a write.', {
        min: 0,
        max: 100,
        default: 40,
        unit: 'ms',
      }),
      sent_keep_h: field.number('Sent messages are kept this long.', {
        min: 0,
        max: 8760,
        default: 24,
        unit: 'h',
      }),
      unsent_keep_h: field.number('Unsent messages are kept this long.', {
        min: 0.01,
        max: 8760,
        default: 72,
        unit: 'h',
      }),
      size_limit_mb: field.number('Size of the outbox above which the oldest messages are dropped.', {
        min: 1,
        max: 1e7,
        default: 2048,
        unit: 'MB',
      }),
      memory_rows: field.integer('Messages held in memory while the disk takes none.', {
        min: 100,
        max: 1_000_000,
        default: 20_000,
      }),
    },
    { default: {} },
  ),
  defaults: field.object(
    'Applies to tags that do not say otherwise.',
    {
      deadband_percent: field.number('Deadband, of the engineering range.', {
        min: 0,
        max: 100,
        default: 0.25,
        unit: '%',
      }),
      max_interval_s: field.number('Longest time without a sample.', {
        min: 0.05,
        max: 86_400,
        default: 60,
        unit: 's',
      }),
    },
    { default: {} },
  ),
  health: field.object(
    'What the gateway tells of itself (ED-8).',
    { interval_s: field.number('Time between reports.', { min: 1, max: 3600, default: 30, unit: 's' }) },
    { default: {} },
  ),
  devices: field.map(
    'Devices this gateway speaks for, by device id.',
    field.object('A device.', {
      type: field.string('Device type, e.g. centrifugal_pump.', {}),
      version: field.optional(field.string('Contract version; the newest by default.', {})),
      site: field.optional(field.string("Site, when it differs from the gateway's.", segment)),
      area: field.optional(field.string('Area, when it differs.', segment)),
      line: field.optional(field.string('Line, when it differs.', segment)),
      fw_version: field.optional(field.string('Firmware version of the device, reported with its data.', {})),
    }),
    { keyPattern: deviceId.pattern, keyDoc: deviceId.patternDoc },
  ),
};

/** The gateway's configuration file (ED-7). Relative paths are read from the folder of the file. */
export const gatewayConfig: ObjectField = field.object('An edge gateway.', {
  ...settings,
  drivers: field.map('Connections to devices, by name.', field.variant('A driver.', driverConfigs), {
    keyPattern: /^[a-z0-9]+(?:-[a-z0-9]+)*$/,
    keyDoc: segment.patternDoc,
  }),
});

export type { DriverConfig };
export type DriverType = DriverConfig['type'];

/** What `gatewayConfig` parses to. Spelt out by part, because inferring the whole is too deep for the compiler. */
export type GatewayConfig = { readonly [K in keyof typeof settings]: Infer<(typeof settings)[K]> } & {
  readonly drivers: Readonly<Record<string, DriverConfig>>;
};
