/** HW-2: content of 16-bit registers as numbers and texts. Bytes come as on the wire, big-endian per register. */

export type ByteOrder = 'ABCD' | 'CDAB' | 'BADC' | 'DCBA';

export type RegisterData =
  | 'bit'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'float32'
  | 'float64'
  | 'bcd16'
  | 'bcd32'
  | 'string';

/** A decoded content; null when the bytes are no value (NaN, a BCD digit above 9). */
export type Decoded = number | bigint | boolean | string | null;

/** Reads a value at a byte offset of a response. */
export type RegisterDecoder = (bytes: Buffer, at: number) => Decoded;

/** Registers a value takes. */
export function registersOf(data: RegisterData, stringLength = 1): number {
  switch (data) {
    case 'bit':
    case 'int16':
    case 'uint16':
    case 'bcd16':
      return 1;
    case 'int32':
    case 'uint32':
    case 'float32':
    case 'bcd32':
      return 2;
    case 'int64':
    case 'uint64':
    case 'float64':
      return 4;
    case 'string':
      return stringLength;
  }
}

/**
 * Makes the decoder of a type and byte order. ABCD is big-endian; CDAB reverses the order of the registers; BADC
 * swaps the bytes within each; DCBA does both. `bit` counts from 0, the least significant. `42 90 00 00` as a
 * float32 ABCD is 72.0.
 */
export function registerDecoder(
  data: RegisterData,
  order: ByteOrder,
  options: { readonly bit?: number; readonly stringRegisters?: number } = {},
): RegisterDecoder {
  const registers = registersOf(data, options.stringRegisters);
  const size = registers * 2;
  const read = readerOf(data, size, options.bit ?? 0);
  if (order === 'ABCD') return read;
  const sources = byteSources(registers, order);
  const scratch = Buffer.alloc(size);
  return (bytes, at) => {
    for (let i = 0; i < size; i++) scratch[i] = bytes[at + sources[i]!]!;
    return read(scratch, 0);
  };
}

/** Where each byte of the big-endian form stands in the given order. Text keeps the order of its registers. */
function byteSources(registers: number, order: ByteOrder): number[] {
  const sources: number[] = [];
  for (let register = 0; register < registers; register++) {
    const from = order === 'CDAB' || order === 'DCBA' ? registers - 1 - register : register;
    const swapped = order === 'BADC' || order === 'DCBA';
    sources.push(from * 2 + (swapped ? 1 : 0), from * 2 + (swapped ? 0 : 1));
  }
  return sources;
}

function readerOf(data: RegisterData, size: number, bit: number): RegisterDecoder {
  switch (data) {
    case 'bit':
      return (bytes, at) => ((bytes.readUInt16BE(at) >> bit) & 1) === 1;
    case 'int16':
      return (bytes, at) => bytes.readInt16BE(at);
    case 'uint16':
      return (bytes, at) => bytes.readUInt16BE(at);
    case 'int32':
      return (bytes, at) => bytes.readInt32BE(at);
    case 'uint32':
      return (bytes, at) => bytes.readUInt32BE(at);
    case 'int64':
      return (bytes, at) => bytes.readBigInt64BE(at);
    case 'uint64':
      return (bytes, at) => bytes.readBigUInt64BE(at);
    case 'float32':
      return (bytes, at) => finite(bytes.readFloatBE(at));
    case 'float64':
      return (bytes, at) => finite(bytes.readDoubleBE(at));
    case 'bcd16':
    case 'bcd32':
      return (bytes, at) => bcd(bytes, at, size);
    case 'string':
      return (bytes, at) => text(bytes, at, size);
  }
}

/** PLCs write NaN for "no value"; it must not travel as a number. */
function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function bcd(bytes: Buffer, at: number, size: number): number | null {
  let value = 0;
  for (let i = 0; i < size; i++) {
    const high = bytes[at + i]! >> 4;
    const low = bytes[at + i]! & 0x0f;
    if (high > 9 || low > 9) return null;
    value = value * 100 + high * 10 + low;
  }
  return value;
}

function text(bytes: Buffer, at: number, size: number): string {
  const raw = bytes.toString('latin1', at, at + size);
  const end = raw.indexOf('\0');
  return (end < 0 ? raw : raw.slice(0, end)).trimEnd();
}
