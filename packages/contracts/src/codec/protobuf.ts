import { MillraceError } from '@millrace/foundation';
import { envelopeFields as at } from '../derive/protobuf.js';
import type { DeviceTypeContract, TagContract } from '../device-type.js';
import type { Envelope, TaggedValue, TagValue } from '../envelope.js';
import { Wire, WireReader, WireWriter } from './wire.js';

// The Protobuf form of telemetry, by hand: the scheme of derive/protobuf.ts is one flat message of scalars whose field
// numbers the contract names, so a general library would add a schema compiler to every gateway for a loop over fields.
// Its bytes are held against protobufjs, which reads the derived .proto file, in protobuf.test.ts.

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const good = 192;

/** The envelope as it lies in the message; it is not validated: that is the contract's schema's work, as for JSON. */
export interface ProtobufEnvelope {
  readonly schema_version?: string;
  readonly msg_id?: string;
  readonly device_id: string;
  readonly ts: number;
  readonly seq?: number;
  readonly d: Readonly<Record<string, TaggedValue>>;
  readonly meta?: {
    readonly fw_version?: string;
    readonly gw_id?: string;
    readonly source_ts?: number;
    readonly epoch?: number;
  };
}

/** The message's `schema_version`, wherever it stands in the bytes; undefined when there is none. */
export function protobufSchemaVersion(bytes: Uint8Array): string | undefined {
  const reader = new WireReader(bytes);
  let version: string | undefined;
  while (reader.next()) {
    if (reader.field === at.schemaVersion && reader.wire === Wire.bytes) version = reader.text();
    else reader.skip();
  }
  return version;
}

/**
 * Decodes telemetry by a contract. Without one (an unknown version) the tags stay out, the identity is read. A tag
 * that the contract does not name becomes `field_<number>` with its value as the wire has it, so that nothing is lost
 * (CT-4). Throws `invalid_argument` on bytes that are no such message.
 */
export function decodeProtobuf(
  bytes: Uint8Array,
  contract: DeviceTypeContract | undefined,
): ProtobufEnvelope {
  const tags = new Map(contract?.tags.map((tag) => [tag.number, tag]));
  const values = new Map<string, TagValue>();
  const head: Record<string, unknown> = { device_id: '', ts: 0 };
  const meta: Record<string, unknown> = {};
  const notGood: number[] = [];
  const codes: number[] = [];
  const reader = new WireReader(bytes);
  while (reader.next()) {
    const { field } = reader;
    if (readEnvelope(reader, head, meta)) continue;
    if (field === at.notGoodFields) readList(reader, notGood);
    else if (field === at.notGoodCodes) readList(reader, codes);
    else if (contract === undefined || field >= at.schemaVersion) reader.skip();
    else values.set(nameOf(tags, field), readTag(reader, tags.get(field)));
  }
  if (notGood.length !== codes.length)
    throw new MillraceError(
      'invalid_argument',
      `Not a telemetry message: ${notGood.length} fields and ${codes.length} quality codes.`,
    );
  const d: Record<string, TaggedValue> = {};
  for (const [name, v] of values) d[name] = { v, q: good };
  // A tag with a quality and no value was read and had none: null, never a made-up zero.
  if (contract !== undefined)
    for (const [i, field] of notGood.entries()) {
      const name = nameOf(tags, field);
      d[name] = { v: values.get(name) ?? null, q: codes[i]! };
    }
  const envelope = { ...head, d } as unknown as ProtobufEnvelope;
  return Object.keys(meta).length === 0 ? envelope : { ...envelope, meta };
}

/** Encodes telemetry by a contract. Every tag of `d` must be the contract's; throws `invalid_argument` otherwise. */
export function encodeProtobuf(envelope: Envelope, contract: DeviceTypeContract): Uint8Array {
  const writer = new WireWriter();
  const tags = new Map(contract.tags.map((tag) => [tag.name, tag]));
  const notGood: number[] = [];
  const codes: number[] = [];
  writer.text(at.deviceId, envelope.device_id);
  writer.varint(at.tsMs, BigInt(envelope.ts));
  if (envelope.seq > 0) writer.varint(at.seq, BigInt(envelope.seq));
  for (const [name, { v, q }] of Object.entries(envelope.d)) {
    const tag = tags.get(name);
    if (tag === undefined)
      throw new MillraceError(
        'invalid_argument',
        `"${name}" is not a tag of ${contract.deviceType} ${contract.version}.`,
      );
    if (v !== null) writeTag(writer, tag, v);
    if (q === good && v !== null) continue;
    notGood.push(tag.number);
    codes.push(q);
  }
  writer.text(at.schemaVersion, envelope.schema_version);
  writer.bytes(at.msgId, ulidToBytes(envelope.msg_id));
  const { meta } = envelope;
  if (meta?.epoch !== undefined) writer.varint(at.epoch, BigInt(meta.epoch));
  if (meta?.source_ts !== undefined) writer.varint(at.sourceTsMs, BigInt(meta.source_ts));
  if (meta?.gw_id !== undefined) writer.text(at.gwId, meta.gw_id);
  if (meta?.fw_version !== undefined) writer.text(at.fwVersion, meta.fw_version);
  writer.packed(at.notGoodFields, notGood);
  writer.packed(at.notGoodCodes, codes);
  return writer.finish();
}

/** Reads a field of the envelope; false when the field at hand is none. */
function readEnvelope(
  reader: WireReader,
  head: Record<string, unknown>,
  meta: Record<string, unknown>,
): boolean {
  const number = () => {
    reader.expect(Wire.varint);
    return Number(BigInt.asIntN(64, reader.varint()));
  };
  const text = () => {
    reader.expect(Wire.bytes);
    return reader.text();
  };
  switch (reader.field) {
    case at.deviceId:
      head.device_id = text();
      return true;
    case at.tsMs:
      head.ts = number();
      return true;
    case at.seq: {
      // proto3: 0 is "not set".
      const seq = number();
      if (seq !== 0) head.seq = seq;
      return true;
    }
    case at.schemaVersion:
      head.schema_version = text();
      return true;
    case at.msgId:
      reader.expect(Wire.bytes);
      readMsgId(head, reader.bytes());
      return true;
    case at.epoch:
      meta.epoch = number();
      return true;
    case at.sourceTsMs:
      meta.source_ts = number();
      return true;
    case at.gwId:
      meta.gw_id = text();
      return true;
    case at.fwVersion:
      meta.fw_version = text();
      return true;
    default:
      return false;
  }
}

/** proto3: no bytes is "not set". */
function readMsgId(head: Record<string, unknown>, bytes: Uint8Array): void {
  if (bytes.length > 0) head.msg_id = ulidFromBytes(bytes);
}

/** A repeated number, packed or not: a reader must take both (encoding guide, "Packed Repeated Fields"). */
function readList(reader: WireReader, list: number[]): void {
  if (reader.wire === Wire.varint) {
    list.push(Number(reader.varint()));
    return;
  }
  reader.expect(Wire.bytes);
  const bytes = reader.bytes();
  let value = 0;
  let factor = 1;
  for (const byte of bytes) {
    value += (byte & 0x7f) * factor;
    factor *= 128;
    if (byte >= 0x80) continue;
    list.push(value);
    value = 0;
    factor = 1;
  }
}

const nameOf = (tags: ReadonlyMap<number, TagContract>, field: number) =>
  tags.get(field)?.name ?? `field_${field}`;

function readTag(reader: WireReader, tag: TagContract | undefined): TagValue {
  if (tag === undefined) return readUnknown(reader);
  switch (tag.type) {
    case 'float64':
      reader.expect(Wire.fixed64);
      return reader.double();
    case 'int32':
    case 'int64': {
      reader.expect(Wire.varint);
      const raw = reader.varint();
      return Number((raw >> 1n) ^ -(raw & 1n));
    }
    case 'boolean':
      reader.expect(Wire.varint);
      return reader.varint() !== 0n;
    case 'string':
      reader.expect(Wire.bytes);
      return reader.text();
  }
}

/** A field whose type nobody told: numbers as the wire has them, bytes as hexadecimal digits. */
function readUnknown(reader: WireReader): TagValue {
  switch (reader.wire) {
    case Wire.varint: {
      const raw = reader.varint();
      return raw <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(raw) : String(raw);
    }
    case Wire.fixed64:
      return reader.double();
    case Wire.fixed32:
      return reader.float();
    case Wire.bytes:
      return [...reader.bytes()].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    default:
      reader.skip();
      return null;
  }
}

function writeTag(writer: WireWriter, tag: TagContract, v: Exclude<TagValue, null>): void {
  switch (tag.type) {
    case 'float64':
      writer.double(tag.number, Number(v));
      break;
    case 'int32':
    case 'int64': {
      const value = BigInt(Number(v));
      writer.varint(tag.number, (value << 1n) ^ (value >> 63n));
      break;
    }
    case 'boolean':
      writer.varint(tag.number, v === true ? 1n : 0n);
      break;
    case 'string':
      writer.text(tag.number, String(v));
      break;
  }
}

function ulidToBytes(text: string): Uint8Array {
  let bits = 0n;
  for (const character of text) bits = (bits << 5n) | BigInt(alphabet.indexOf(character));
  return Uint8Array.from({ length: 16 }, (_, i) => Number((bits >> BigInt(8 * (15 - i))) & 0xffn));
}

/** 16 bytes as a ULID; anything else as hex, which the contract's schema then refuses. */
function ulidFromBytes(bytes: Uint8Array): string {
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  if (bytes.length !== 16) return hex;
  let bits = BigInt(`0x${hex}`);
  let text = '';
  for (let i = 0; i < 26; i++) {
    text = alphabet[Number(bits & 31n)] + text;
    bits >>= 5n;
  }
  return text;
}
