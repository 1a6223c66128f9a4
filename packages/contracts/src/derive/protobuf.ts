import type { DeviceTypeContract, TagType } from '../device-type.js';

const protoTypes: Readonly<Record<TagType, string>> = {
  float64: 'double',
  int32: 'sint32',
  int64: 'sint64',
  boolean: 'bool',
  string: 'string',
};

/** Field numbers of the envelope; for ever, like a tag's (4 to 99). */
export const envelopeFields = {
  deviceId: 1,
  tsMs: 2,
  seq: 3,
  schemaVersion: 100,
  msgId: 101,
  epoch: 102,
  sourceTsMs: 103,
  gwId: 104,
  fwVersion: 105,
  notGoodFields: 110,
  notGoodCodes: 111,
} as const;

/**
 * The proto3 file of a contract. Fields 1-3 are the envelope's identity; tags keep their declared numbers for ever
 * (CT-5). Quality codes ride in one packed list parallel to the tag numbers, so that all-good costs nothing.
 */
export function protoFile(contract: DeviceTypeContract): string {
  const name = messageName(contract.deviceType);
  const major = contract.version.split('.')[0];
  const fields = contract.tags.map(
    (tag) =>
      `  optional ${protoTypes[tag.type]} ${tag.name} = ${tag.number};  // ${tag.unit === '' ? tag.doc : `${tag.unit}. ${tag.doc}`}`,
  );
  return [
    'syntax = "proto3";',
    `package millrace.${contract.deviceType}.v${major};`,
    '',
    `// ${contract.doc}`,
    `message ${name} {`,
    `  string device_id = ${envelopeFields.deviceId};`,
    `  int64 ts_ms = ${envelopeFields.tsMs};`,
    `  int64 seq = ${envelopeFields.seq};`,
    ...fields,
    `  string schema_version = ${envelopeFields.schemaVersion};`,
    `  bytes msg_id = ${envelopeFields.msgId};  // ULID, 16 bytes`,
    `  uint32 epoch = ${envelopeFields.epoch};`,
    `  int64 source_ts_ms = ${envelopeFields.sourceTsMs};`,
    `  string gw_id = ${envelopeFields.gwId};`,
    `  string fw_version = ${envelopeFields.fwVersion};`,
    `  repeated uint32 not_good_fields = ${envelopeFields.notGoodFields};  // field numbers whose quality is not 192`,
    `  repeated uint32 not_good_codes = ${envelopeFields.notGoodCodes};  // their quality codes, in the same order`,
    '}',
    '',
  ].join('\n');
}

function messageName(deviceType: string): string {
  return `${deviceType.replace(/(?:^|_)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())}Telemetry`;
}
