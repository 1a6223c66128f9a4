import { isGood, Quality, type QualityCode } from '@millrace/contracts';
import type { ServedTag } from '../faults.js';
import type { CommandName, ModbusDevice, ModbusPoint } from '../plants/map-types.js';
import type { BitTable, ReadSpan, UnitImage, WordTable } from './pdu.js';
import { decodeRaw, encodeRaw, failRaw, fromRaw, registerCount, toRaw } from './registers.js';

/** A value as a client of the unit decodes it. */
export interface DecodedPoint {
  readonly tag: string;
  /** null where the content is no value (broken loop, NaN). */
  readonly value: number | boolean | null;
  readonly quality: QualityCode;
}

export interface DeviceImage extends UnitImage {
  /** Takes over what the device serves now. */
  update(served: Readonly<Record<string, ServedTag>>): void;
  /** The points whose content lies wholly inside the span, decoded from the registers themselves. */
  decode(span: ReadSpan): DecodedPoint[];
}

export interface CommandAccess {
  readBack(command: CommandName): number;
  /** False when the value is out of bounds. */
  write(command: CommandName, value: number): boolean;
}

/** Registers between two points up to this many apart read as 0 instead of an exception, as device maps have holes. */
const holeRegistersMax = 4;

const isWord = (table: string): table is WordTable => table === 'holding' || table === 'input';

/** Which addresses of a word table exist, holes between near points included. */
function fillHoles(used: ReadonlyMap<number, number>): Map<number, number> {
  const filled = new Map<number, number>();
  let last: number | undefined;
  for (const address of [...used.keys()].sort((a, b) => a - b)) {
    if (last !== undefined && address - last - 1 <= holeRegistersMax)
      for (let hole = last + 1; hole < address; hole++) filled.set(hole, 0);
    filled.set(address, used.get(address)!);
    last = address;
  }
  return filled;
}

function emptyWords(device: ModbusDevice, table: WordTable): Map<number, number> {
  const used = new Map<number, number>();
  for (const point of device.points)
    if (point.table === table)
      for (let i = 0; i < registerCount(point.type); i++) used.set(point.address + i, 0);
  for (const command of device.commands) if (command.table === table) used.set(command.address, 0);
  return fillHoles(used);
}

function decodePoint(
  point: ModbusPoint,
  word: (address: number) => number,
  bit: boolean | undefined,
  quality: QualityCode,
): DecodedPoint {
  if (point.type === 'bit') {
    const value = isWord(point.table) ? ((word(point.address) >> (point.bit ?? 0)) & 1) === 1 : bit === true;
    return { tag: point.tag, value, quality };
  }
  const bytes = Buffer.alloc(registerCount(point.type) * 2);
  for (let i = 0; i < bytes.length; i += 2) bytes.writeUInt16BE(word(point.address + i / 2), i);
  const value = fromRaw(decodeRaw(bytes, point.type, point.byteOrder), point.scaling);
  const broken = !isGood(quality) && (Number.isNaN(value) || point.scaling.kind === 'current-loop');
  return { tag: point.tag, value: broken ? null : value, quality };
}

/** The registers and bits of one Modbus device. */
export function createDeviceImage(device: ModbusDevice, commands: CommandAccess): DeviceImage {
  const words: Record<WordTable, Map<number, number>> = {
    holding: emptyWords(device, 'holding'),
    input: emptyWords(device, 'input'),
  };
  const bits: Record<BitTable, Map<number, boolean>> = { coil: new Map(), discrete: new Map() };
  const qualities = new Map<string, QualityCode>();
  const command = (table: string, address: number) =>
    device.commands.find((c) => c.table === table && c.address === address);

  function put(point: ModbusPoint, served: ServedTag): void {
    const good = isGood(served.quality);
    if (point.type === 'bit') {
      const on = good && Boolean(served.value);
      if (!isWord(point.table)) {
        bits[point.table].set(point.address, on);
        return;
      }
      const mask = 1 << (point.bit ?? 0);
      const word = words[point.table].get(point.address) ?? 0;
      words[point.table].set(point.address, on ? word | mask : word & ~mask);
      return;
    }
    const raw = good ? toRaw(Number(served.value), point.scaling) : failRaw(point);
    const bytes = encodeRaw(raw, point.type, point.byteOrder);
    const table = words[point.table as WordTable];
    for (let i = 0; i < bytes.length; i += 2) table.set(point.address + i / 2, bytes.readUInt16BE(i));
  }

  return {
    update(served) {
      for (const point of device.points) {
        const tag = served[point.tag] ?? { value: 0, quality: Quality.bad };
        qualities.set(point.tag, tag.quality);
        put(point, tag);
      }
    },
    bit(table, address) {
      const known = command(table, address);
      return known ? commands.readBack(known.command) !== 0 : bits[table].get(address);
    },
    word(table, address) {
      const known = command(table, address);
      return known ? Math.round(commands.readBack(known.command)) & 0xffff : words[table].get(address);
    },
    writable: (table, address) => command(table, address) !== undefined,
    write(table, address, value) {
      const known = command(table, address);
      return known ? commands.write(known.command, value) : false;
    },
    decode(span) {
      const out: DecodedPoint[] = [];
      for (const point of device.points) {
        const width = point.type === 'bit' ? 1 : registerCount(point.type);
        if (point.table !== span.table || point.address < span.address) continue;
        if (point.address + width > span.address + span.count) continue;
        const word = (address: number) => words[point.table as WordTable].get(address) ?? 0;
        const bit = isWord(point.table) ? undefined : bits[point.table].get(point.address);
        out.push(decodePoint(point, word, bit, qualities.get(point.tag) ?? Quality.bad));
      }
      return out;
    },
  };
}
