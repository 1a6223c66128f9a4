import type { DeviceTypeContract, TagContract } from '../device-type.js';

export type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * The JSON Schema (2020-12) of a telemetry envelope in the full form.
 * `production` accepts unknown fields, so that newer firmware is not refused; `contract-test` rejects them, so that a
 * rename is caught before it ships (CT-4).
 */
export function envelopeJsonSchema(
  contract: DeviceTypeContract,
  mode: 'production' | 'contract-test',
): JsonSchema {
  const closed = mode === 'contract-test' ? { additionalProperties: false } : {};
  const required = contract.tags.filter((tag) => tag.required).map((tag) => tag.name);
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `urn:millrace:${contract.deviceType}:${contract.version}`,
    title: `${contract.title} telemetry ${contract.version}`,
    description: contract.doc,
    type: 'object',
    required: ['device_id', 'ts', 'd'],
    properties: {
      schema_version: { const: contract.version },
      msg_id: { type: 'string', pattern: '^[0-7][0-9A-HJKMNP-TV-Z]{25}$' },
      device_id: { type: 'string', pattern: '^[A-Za-z0-9-]{1,64}$' },
      device_type: { const: contract.deviceType },
      ts: { type: 'integer', minimum: 0, description: 'ms since 1970 UTC' },
      seq: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
      d: {
        type: 'object',
        ...(required.length > 0 ? { required } : {}),
        properties: Object.fromEntries(
          contract.tags.map((tag) => [tag.name, taggedValueSchema(tag, closed)]),
        ),
        ...closed,
      },
      meta: {
        type: 'object',
        properties: {
          fw_version: { type: 'string', maxLength: 64 },
          gw_id: { type: 'string', maxLength: 130 },
          source_ts: { type: 'integer', minimum: 0 },
          edge_latency_ms: { type: 'number' },
          site: { type: 'string', maxLength: 64 },
          epoch: { type: 'integer', minimum: 0, maximum: 0xffffffff },
        },
        ...closed,
      },
    },
    ...closed,
  };
}

function taggedValueSchema(tag: TagContract, closed: JsonSchema): JsonSchema {
  const value = valueSchema(tag);
  return {
    description: tag.unit === '' ? tag.doc : `${tag.doc} Unit: ${tag.unit}.`,
    anyOf: [
      value,
      {
        type: 'object',
        required: ['v', 'q'],
        properties: {
          v: { anyOf: [value, { type: 'null' }] },
          q: { type: 'integer', minimum: 0, maximum: 255 },
        },
        ...closed,
      },
    ],
  };
}

function valueSchema(tag: TagContract): JsonSchema {
  const limits = tag.limits === undefined ? {} : { minimum: tag.limits[0], maximum: tag.limits[1] };
  switch (tag.type) {
    case 'float64':
      return { type: 'number', ...limits };
    case 'int32':
      return { type: 'integer', minimum: -(2 ** 31), maximum: 2 ** 31 - 1, ...limits };
    case 'int64':
      return {
        type: 'integer',
        minimum: Number.MIN_SAFE_INTEGER,
        maximum: Number.MAX_SAFE_INTEGER,
        ...limits,
      };
    case 'boolean':
      return { type: 'boolean' };
    case 'string':
      return { type: 'string', maxLength: 1024 };
  }
}
