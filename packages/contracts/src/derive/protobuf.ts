import type { DeviceTypeContract, TagType } from '../device-type.js';

const protoTypes: Readonly<Record<TagType, string>> = {
  float64: 'double',
  int32: 'sint32',
  int64: 'sint64',
  boolean: 'bool',
  string: 'string',
};

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
    '  string device_id = 1;',
    '  int64 ts_ms = 2;',
    '  int64 seq = 3;',
    ...fields,
    '  string schema_version = 100;',
    '  bytes msg_id = 101;  // ULID, 16 bytes',
    '  uint32 epoch = 102;',
    '  int64 source_ts_ms = 103;',
    '  string gw_id = 104;',
    '  string fw_version = 105;',
    '  repeated uint32 not_good_fields = 110;  // field numbers whose quality is not 192',
    '  repeated uint32 not_good_codes = 111;  // their quality codes, in the same order',
    '}',
    '',
  ].join('\n');
}

function messageName(deviceType: string): string {
  return `${deviceType.replace(/(?:^|_)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())}Telemetry`;
}
