import { MillraceError } from '@millrace/foundation';

/** Wire types of the Protobuf encoding (encoding guide, "Message Structure"). */
export const Wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function malformed(what: string): MillraceError {
  return new MillraceError('invalid_argument', `Not a Protobuf message: ${what}.`);
}

/** Reads the fields of one Protobuf message, never past its end. Throws `invalid_argument` on bytes that are none. */
export class WireReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  /** Number and wire type of the field at hand, after `next`. */
  field = 0;
  wire = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Moves to the next field; false at the end. Its value must be read or skipped before the next call. */
  next(): boolean {
    if (this.#at >= this.#bytes.length) return false;
    const tag = this.varint();
    if (tag > 0xffff_ffffn || tag >> 3n === 0n) throw malformed('a field number is out of range');
    this.field = Number(tag >> 3n);
    this.wire = Number(tag & 7n);
    return true;
  }

  /** An unsigned varint of at most 64 bits. */
  varint(): bigint {
    let value = 0n;
    for (let i = 0; i < 10; i++) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw malformed('it ends in the middle of a number');
      value |= BigInt(byte & 0x7f) << BigInt(7 * i);
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw malformed('a number has more than ten bytes');
  }

  double(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }

  float(): number {
    return this.#view.getFloat32(this.#take(4), true);
  }

  bytes(): Uint8Array {
    const length = this.varint();
    if (length > BigInt(this.#bytes.length)) throw malformed('a field is longer than the message');
    const start = this.#take(Number(length));
    return this.#bytes.subarray(start, this.#at);
  }

  text(): string {
    const bytes = this.bytes();
    try {
      return strictUtf8.decode(bytes);
    } catch {
      throw malformed(`field ${this.field} is not UTF-8`);
    }
  }

  skip(): void {
    switch (this.wire) {
      case Wire.varint:
        this.varint();
        break;
      case Wire.fixed64:
        this.#take(8);
        break;
      case Wire.bytes:
        this.bytes();
        break;
      case Wire.fixed32:
        this.#take(4);
        break;
      default:
        throw malformed(`field ${this.field} has wire type ${this.wire}, which proto3 does not use`);
    }
  }

  /** The field must have the wire type that its declared type has. */
  expect(wire: number): void {
    if (this.wire !== wire)
      throw malformed(`field ${this.field} has wire type ${this.wire}, its contract's has ${wire}`);
  }

  #take(length: number): number {
    const start = this.#at;
    if (start + length > this.#bytes.length) throw malformed(`it ends in the middle of field ${this.field}`);
    this.#at += length;
    return start;
  }
}

/** Writes Protobuf fields into bytes of its own. */
export class WireWriter {
  readonly #parts: Uint8Array[] = [];

  varint(field: number, value: bigint): void {
    this.#parts.push(varintBytes((BigInt(field) << 3n) | 0n), varintBytes(BigInt.asUintN(64, value)));
  }

  double(field: number, value: number): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value, true);
    this.#parts.push(varintBytes((BigInt(field) << 3n) | 1n), bytes);
  }

  bytes(field: number, value: Uint8Array): void {
    this.#parts.push(varintBytes((BigInt(field) << 3n) | 2n), varintBytes(BigInt(value.length)), value);
  }

  text(field: number, value: string): void {
    this.bytes(field, new TextEncoder().encode(value));
  }

  /** A packed list of unsigned numbers; nothing when it is empty. */
  packed(field: number, values: readonly number[]): void {
    if (values.length > 0) this.bytes(field, joined(values.map((value) => varintBytes(BigInt(value)))));
  }

  finish(): Uint8Array {
    return joined(this.#parts);
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function varintBytes(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
