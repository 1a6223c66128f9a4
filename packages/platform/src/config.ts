import { configError, field, parseConfig } from '@millrace/foundation';

const tenant = field.object('A tenant.', {
  slug: field.string('First segment of its topics, e.g. riverton-water.', {
    pattern: /^[a-z0-9]+(?:-[a-z0-9]+)*$/,
    patternDoc: 'lower-case letters, digits and single hyphens',
  }),
  title: field.optional(field.string('Name for people.')),
});

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
  tenants: field.list('Who uses this platform; the first one is the local command line’s.', tenant, {
    minItems: 1,
    default: [{ slug: 'plant' }],
  }),
});

/** What `platformConfig` declares, parsed. */
export interface PlatformConfig {
  readonly api: { readonly host: string; readonly port: number; readonly public_url?: string | undefined };
  readonly mqtt: { readonly host: string; readonly port: number; readonly names: readonly string[] };
  readonly database: { readonly port: number; readonly url?: string | undefined };
  readonly tenants: readonly { readonly slug: string; readonly title?: string | undefined }[];
}

/** Reads a configuration file's text. Throws `config_invalid` naming every problem with its line in `file`. */
export function checkPlatformConfig(text: string, file: string): PlatformConfig {
  const result = parseConfig(text, platformConfig);
  if (!result.ok) throw configError(file, result.problems);
  return result.value as unknown as PlatformConfig;
}
