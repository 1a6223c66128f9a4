import { configError, field, MillraceError, parseConfig } from '@millrace/foundation';

const tenant = field.object('A tenant.', {
  slug: field.string('First segment of its topics, e.g. riverton-water.', {
    pattern: /^[a-z0-9]+(?:-[a-z0-9]+)*$/,
    patternDoc: 'lower-case letters, digits and single hyphens',
  }),
  title: field.optional(field.string('Name for people.')),
});

/** What a process of the platform can do; together they are the whole platform. */
export const platformRoles = ['broker', 'ingest', 'api', 'jobs'] as const;
export type PlatformRole = (typeof platformRoles)[number];

/** The platform's configuration file; everything has a default. */
export const platformConfig = field.object('Configuration of the platform.', {
  api: field.object(
    'The API and the console.',
    {
      host: field.string('Address to listen on.', { default: '127.0.0.1' }),
      port: field.integer('TCP port; 0 takes a free one.', { min: 0, max: 65_535, default: 8080 }),
      public_url: field.optional(
        field.string('Address of the console as people type it, e.g. behind a proxy.'),
      ),
    },
    { default: {} },
  ),
  mqtt: field.object(
    'The MQTT broker (TLS 1.3 with client certificates).',
    {
      host: field.string('Address to listen on.', { default: '127.0.0.1' }),
      port: field.integer('TCP port; 0 takes a free one.', { min: 0, max: 65_535, default: 8883 }),
      names: field.list(
        'Further names and addresses by which clients reach the listener; they go into its certificate.',
        field.string('Host name or IP address.'),
        { default: [] },
      ),
    },
    { default: {} },
  ),
  clocks: field.object(
    'Comparison of the clocks of devices, gateways and the platform.',
    {
      drift_limit_ms: field.integer('Offset above which a clock counts as drifting.', {
        unit: 'ms',
        min: 100,
        max: 86_400_000,
        default: 5_000,
      }),
    },
    { default: {} },
  ),
  database: field.object(
    'PostgreSQL: an embedded server, or an existing one.',
    {
      port: field.integer('Port of the embedded server on 127.0.0.1.', {
        min: 1,
        max: 65_535,
        default: 55_432,
      }),
      url: field.optional(
        field.string('postgres:// address of an existing server (15 or later) instead.', { secret: true }),
      ),
    },
    { default: {} },
  ),
  broker: field.object(
    'Somebody else’s MQTT broker to read from, instead of a listener of our own.',
    {
      url: field.optional(
        field.string('mqtts://host:port or mqtt://host:port; without it, the broker is our own.'),
      ),
      version: field.oneOf(
        'MQTT version; 5 shares its subscriptions, so that several processes may read.',
        ['5', '3.1.1'],
        { default: '5' },
      ),
      client_id: field.string('Client id; each process needs its own.', { default: 'millrace-ingest' }),
      group: field.string('Name of the shared subscription.', { default: 'millrace' }),
      ca: field.optional(field.string('PEM file of the CA that signed the broker’s certificate.')),
      certificate: field.optional(field.string('PEM file of the client certificate.')),
      key: field.optional(field.string('PEM file of its key.')),
      session_expiry_s: field.integer(
        'Seconds for which that broker keeps messages for us while we are away.',
        { min: 60, max: 4_000_000_000, default: 604_800 },
      ),
    },
    { default: {} },
  ),
  redis: field.object(
    'Redis, to show values at once in processes that do not ingest; without it they are shown within a second.',
    { url: field.optional(field.string('redis://host:port, or rediss:// for TLS.', { secret: true })) },
    { default: {} },
  ),
  roles: field.list(
    'What this process does: broker (MQTT), ingest (writes readings), api (API and console), jobs (scheduled work apart from ingest; there is none yet). Several processes share a database; broker and ingest apart need a bus.',
    field.oneOf('A role.', platformRoles),
    { minItems: 1, default: [...platformRoles] },
  ),
  bus: field.object(
    'The way from the broker to ingest: a direct call in one process, or Apache Kafka between several.',
    {
      url: field.optional(
        field.string('kafka://host:port[,host:port]; without it, a direct call in this process.'),
      ),
      partitions: field.integer('Partitions of topics that are not there yet.', {
        min: 1,
        max: 1_000,
        default: 12,
      }),
      group: field.string('Consumer group of the ingest processes.', { default: 'millrace-ingest' }),
      session_timeout_s: field.integer(
        'Seconds without a sign of life after which the partitions of an ingest process go to others.',
        { min: 1, max: 300, default: 10 },
      ),
    },
    { default: {} },
  ),
  tenants: field.list('Who uses this platform; the first one is the local command line’s.', tenant, {
    minItems: 1,
    default: [{ slug: 'plant' }],
  }),
});

/** What `platformConfig` declares, parsed. */
export interface PlatformConfig {
  readonly api: { readonly host: string; readonly port: number; readonly public_url?: string | undefined };
  readonly mqtt: { readonly host: string; readonly port: number; readonly names: readonly string[] };
  readonly clocks: { readonly drift_limit_ms: number };
  readonly database: { readonly port: number; readonly url?: string | undefined };
  readonly broker: {
    readonly url?: string | undefined;
    readonly version: '5' | '3.1.1';
    readonly client_id: string;
    readonly group: string;
    readonly ca?: string | undefined;
    readonly certificate?: string | undefined;
    readonly key?: string | undefined;
    readonly session_expiry_s: number;
  };
  readonly redis: { readonly url?: string | undefined };
  readonly roles: readonly PlatformRole[];
  readonly bus: {
    readonly url?: string | undefined;
    readonly partitions: number;
    readonly group: string;
    readonly session_timeout_s: number;
  };
  readonly tenants: readonly { readonly slug: string; readonly title?: string | undefined }[];
}

/** Reads a configuration file's text. Throws `config_invalid` naming every problem with its line in `file`. */
export function checkPlatformConfig(text: string, file: string): PlatformConfig {
  const result = parseConfig(text, platformConfig);
  if (!result.ok) throw configError(file, result.problems);
  const config = result.value as unknown as PlatformConfig;
  checkRoles(config);
  return config;
}

/** Throws `config_invalid` where the roles of this process cannot reach each other. */
export function checkRoles({ roles, bus }: PlatformConfig): void {
  if (bus.url !== undefined || roles.includes('broker') === roles.includes('ingest')) return;
  throw new MillraceError(
    'config_invalid',
    `The roles ${roles.join(',')} hold only one of broker and ingest, which need a bus between them: name one (--bus kafka://host:port), or give this process both.`,
  );
}
