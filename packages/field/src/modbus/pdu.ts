/** Exception codes (MODBUS Application Protocol V1.1b3, section 7). */
export const ModbusException = {
  illegalFunction: 1,
  illegalDataAddress: 2,
  illegalDataValue: 3,
  serverDeviceFailure: 4,
  gatewayPathUnavailable: 10,
} as const;

export type BitTable = 'coil' | 'discrete';
export type WordTable = 'holding' | 'input';

/** The address space of one unit as the protocol sees it. */
export interface UnitImage {
  /** A bit, or undefined where the unit has none. */
  bit(table: BitTable, address: number): boolean | undefined;
  /** A register (0 to 65535), or undefined where the unit has none. */
  word(table: WordTable, address: number): number | undefined;
  /** Whether a client may write there. */
  writable(table: 'coil' | 'holding', address: number): boolean;
  /** Writes; false when the value is out of the point's bounds. */
  write(table: 'coil' | 'holding', address: number, value: number): boolean;
}

/** What a request read, for the journal. */
export interface ReadSpan {
  readonly table: BitTable | WordTable;
  readonly address: number;
  readonly count: number;
}

export interface PduAnswer {
  readonly pdu: Buffer;
  /** Set when values were read. */
  readonly read?: ReadSpan;
}

const bitTables: Readonly<Record<number, BitTable>> = { 1: 'coil', 2: 'discrete' };
const wordTables: Readonly<Record<number, WordTable>> = { 3: 'holding', 4: 'input' };

function refuse(functionCode: number, exception: number): PduAnswer {
  return { pdu: Buffer.from([functionCode | 0x80, exception]) };
}

function readBits(unit: UnitImage, fc: number, pdu: Buffer): PduAnswer {
  const table = bitTables[fc]!;
  if (pdu.length !== 5) return refuse(fc, ModbusException.illegalDataValue);
  const address = pdu.readUInt16BE(1);
  const count = pdu.readUInt16BE(3);
  if (count < 1 || count > 2000) return refuse(fc, ModbusException.illegalDataValue);
  const out = Buffer.alloc(2 + Math.ceil(count / 8));
  out[0] = fc;
  out[1] = out.length - 2;
  for (let i = 0; i < count; i++) {
    const bit = unit.bit(table, address + i);
    if (bit === undefined) return refuse(fc, ModbusException.illegalDataAddress);
    if (bit) out[2 + (i >> 3)]! |= 1 << (i & 7);
  }
  return { pdu: out, read: { table, address, count } };
}

function readWords(unit: UnitImage, fc: number, pdu: Buffer): PduAnswer {
  const table = wordTables[fc]!;
  if (pdu.length !== 5) return refuse(fc, ModbusException.illegalDataValue);
  const address = pdu.readUInt16BE(1);
  const count = pdu.readUInt16BE(3);
  if (count < 1 || count > 125) return refuse(fc, ModbusException.illegalDataValue);
  const out = Buffer.alloc(2 + count * 2);
  out[0] = fc;
  out[1] = count * 2;
  for (let i = 0; i < count; i++) {
    const word = unit.word(table, address + i);
    if (word === undefined) return refuse(fc, ModbusException.illegalDataAddress);
    out.writeUInt16BE(word, 2 + i * 2);
  }
  return { pdu: out, read: { table, address, count } };
}

/** FC 5 and 6. The answer to a write is its own request, section 6.5 and 6.6. */
function writeOne(unit: UnitImage, fc: 5 | 6, pdu: Buffer): PduAnswer {
  if (pdu.length !== 5) return refuse(fc, ModbusException.illegalDataValue);
  const table = fc === 5 ? 'coil' : 'holding';
  const address = pdu.readUInt16BE(1);
  const word = pdu.readUInt16BE(3);
  if (fc === 5 && word !== 0 && word !== 0xff00) return refuse(fc, ModbusException.illegalDataValue);
  if (!unit.writable(table, address)) return refuse(fc, ModbusException.illegalDataAddress);
  const value = fc === 5 ? Number(word !== 0) : word;
  if (!unit.write(table, address, value)) return refuse(fc, ModbusException.illegalDataValue);
  return { pdu: Buffer.from(pdu) };
}

/** FC 15 and 16: nothing is written unless every address may be. */
function writeMany(unit: UnitImage, fc: 15 | 16, pdu: Buffer): PduAnswer {
  if (pdu.length < 6) return refuse(fc, ModbusException.illegalDataValue);
  const table = fc === 15 ? 'coil' : 'holding';
  const address = pdu.readUInt16BE(1);
  const count = pdu.readUInt16BE(3);
  const bytes = fc === 15 ? Math.ceil(count / 8) : count * 2;
  const most = fc === 15 ? 1968 : 123;
  if (count < 1 || count > most || pdu[5] !== bytes || pdu.length !== 6 + bytes)
    return refuse(fc, ModbusException.illegalDataValue);
  for (let i = 0; i < count; i++)
    if (!unit.writable(table, address + i)) return refuse(fc, ModbusException.illegalDataAddress);
  for (let i = 0; i < count; i++) {
    const value = fc === 15 ? (pdu[6 + (i >> 3)]! >> (i & 7)) & 1 : pdu.readUInt16BE(6 + i * 2);
    if (!unit.write(table, address + i, value)) return refuse(fc, ModbusException.illegalDataValue);
  }
  return { pdu: Buffer.from(pdu.subarray(0, 5)) };
}

/** The answer to one request PDU (function code and data). Never throws, whatever the bytes. */
export function answerPdu(unit: UnitImage, pdu: Buffer): PduAnswer {
  const fc = pdu[0] ?? 0;
  switch (fc) {
    case 1:
    case 2:
      return readBits(unit, fc, pdu);
    case 3:
    case 4:
      return readWords(unit, fc, pdu);
    case 5:
    case 6:
      return writeOne(unit, fc, pdu);
    case 15:
    case 16:
      return writeMany(unit, fc, pdu);
    default:
      return refuse(fc & 0x7f, ModbusException.illegalFunction);
  }
}
