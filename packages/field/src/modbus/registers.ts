import type { ByteOrder, ModbusPoint, RegisterType, Scaling } from '../plants/map-types.js';

const widths: Readonly<Record<RegisterType, number>> = {
  bit: 1,
  int16: 1,
  uint16: 1,
  int32: 2,
  uint32: 2,
  float32: 2,
  int64: 4,
  uint64: 4,
  float64: 4,
};

const integerLimits: Readonly<Partial<Record<RegisterType, readonly [number, number]>>> = {
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  uint64: [0, Number.MAX_SAFE_INTEGER],
};

/** How many 16-bit registers a value takes. */
export function registerCount(type: RegisterType): number {
  return widths[type];
}

/** The byte that stands at place `i` of the wire for byte `order` of a value `size` bytes long, most significant first. */
function sourceByte(order: ByteOrder, size: number, i: number): number {
  const reverseWords = order === 'CDAB' || order === 'DCBA';
  const swapBytes = order === 'BADC' || order === 'DCBA';
  const word = i >> 1;
  const from = reverseWords ? size / 2 - 1 - word : word;
  return from * 2 + (swapBytes ? 1 - (i & 1) : i & 1);
}

function reorder(bytes: Buffer, order: ByteOrder): Buffer {
  const out = Buffer.alloc(bytes.length);
  for (let i = 0; i < bytes.length; i++) out[i] = bytes[sourceByte(order, bytes.length, i)]!;
  return out;
}

/** Register content of a raw number, high byte first in each register. Integers are rounded and held at their limits. */
export function encodeRaw(raw: number, type: RegisterType, order: ByteOrder): Buffer {
  const bytes = Buffer.alloc(widths[type] * 2);
  if (type === 'float32') bytes.writeFloatBE(raw);
  else if (type === 'float64') bytes.writeDoubleBE(raw);
  else {
    const [low, high] = integerLimits[type] ?? [0, 65535];
    const whole = Number.isNaN(raw) ? 0 : Math.min(high, Math.max(low, Math.round(raw)));
    if (bytes.length === 8) bytes.writeBigInt64BE(BigInt(whole));
    else if (bytes.length === 4) bytes.writeInt32BE(whole | 0);
    else bytes.writeUInt16BE(whole & 0xffff);
  }
  return reorder(bytes, order);
}

/** The raw number held in registers; the inverse of `encodeRaw`. */
export function decodeRaw(registers: Buffer, type: RegisterType, order: ByteOrder): number {
  const bytes = reorder(registers, order); // Every order is its own inverse.
  switch (type) {
    case 'float32':
      return bytes.readFloatBE();
    case 'float64':
      return bytes.readDoubleBE();
    case 'int16':
      return bytes.readInt16BE();
    case 'int32':
      return bytes.readInt32BE();
    case 'uint32':
      return bytes.readUInt32BE();
    case 'int64':
      return Number(bytes.readBigInt64BE());
    case 'uint64':
      return Number(bytes.readBigUInt64BE());
    default:
      return bytes.readUInt16BE();
  }
}

/** Raw content for an engineering value. A loop current is held at 3.8 and 20.5 mA, as NAMUR NE 43 wants of a transmitter. */
export function toRaw(value: number, scaling: Scaling): number {
  switch (scaling.kind) {
    case 'none':
      return value;
    case 'linear':
      return (value - (scaling.offset ?? 0)) / scaling.scale;
    case 'current-loop': {
      const current = 4 + (16 * (value - scaling.min)) / (scaling.max - scaling.min);
      return Math.min(20.5, Math.max(3.8, current)) * scaling.rawPerMa;
    }
    case 'counts':
      return Math.min(1, Math.max(0, (value - scaling.min) / (scaling.max - scaling.min))) * scaling.rawMax;
  }
}

/** The engineering value of raw content (HW-1 for loops, without its judgement of quality). */
export function fromRaw(raw: number, scaling: Scaling): number {
  switch (scaling.kind) {
    case 'none':
      return raw;
    case 'linear':
      return raw * scaling.scale + (scaling.offset ?? 0);
    case 'current-loop':
      return ((raw / scaling.rawPerMa - 4) / 16) * (scaling.max - scaling.min) + scaling.min;
    case 'counts':
      return (raw / scaling.rawMax) * (scaling.max - scaling.min) + scaling.min;
  }
}

/**
 * What a register shows when its sensor is cut off: no current on a loop, NaN in a float, the lowest number of a
 * signed type, all ones in an unsigned one - the habits of common remote I/O cards.
 */
export function failRaw(point: Pick<ModbusPoint, 'type' | 'scaling'>): number {
  if (point.scaling.kind === 'current-loop') return 0;
  if (point.type === 'float32' || point.type === 'float64') return Number.NaN;
  if (point.type === 'bit') return 0;
  const [low, high] = integerLimits[point.type] ?? [0, 65535];
  return low < 0 ? low : high;
}
