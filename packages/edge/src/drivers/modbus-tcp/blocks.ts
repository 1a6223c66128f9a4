import type { TagPlan } from '../../config/plan.js';
import { type Decoded, type RegisterData, registerDecoder, registersOf } from '../../signals/registers.js';

export type Table = 'coil' | 'discrete' | 'holding' | 'input';

/** Where a tag's value stands. `address` is zero-based. */
export interface Point {
  readonly tag: TagPlan;
  readonly table: Table;
  readonly address: number;
  /** Registers, or 1 for a bit of a bit table. */
  readonly size: number;
  /** Reads the value from a block's data, `offset` registers or bits into it. */
  readonly read: (data: Buffer, offset: number) => Decoded;
}

/** One request: the points it feeds lie within `count` registers or bits from `address`. */
export interface Block {
  readonly table: Table;
  readonly address: number;
  readonly count: number;
  readonly points: readonly Point[];
}

export interface PointSettings {
  readonly table: Table;
  readonly address: number;
  readonly data: RegisterData;
  readonly order: 'ABCD' | 'CDAB' | 'BADC' | 'DCBA';
  readonly bit: number;
  readonly length: number;
}

/** Application Protocol 6.1-6.4: most bits and registers of one request. */
const bitsMax = 2000;
const registersMax = 125;

/** A tag's place and decoder; `base` is 1 where manuals count addresses from 1. */
export function pointOf(tag: TagPlan, settings: PointSettings, base: 0 | 1): Point {
  const address = settings.address - base;
  if (settings.table === 'coil' || settings.table === 'discrete') {
    const read = (data: Buffer, offset: number) => ((data[offset >> 3]! >> (offset & 7)) & 1) === 1;
    return { tag, table: settings.table, address, size: 1, read };
  }
  const decode = registerDecoder(settings.data, settings.order, {
    bit: settings.bit,
    stringRegisters: settings.length,
  });
  return {
    tag,
    table: settings.table,
    address,
    size: registersOf(settings.data, settings.length),
    read: (data, offset) => decode(data, offset * 2),
  };
}

/**
 * Merges points into as few requests as the limits allow: neighbours of one table with at most `maxGap` unused
 * addresses between them. A value is never cut in two.
 */
export function planBlocks(points: readonly Point[], maxGap: number): Block[] {
  const blocks: Block[] = [];
  for (const table of ['coil', 'discrete', 'holding', 'input'] as const) {
    const sorted = points.filter((point) => point.table === table).sort((a, b) => a.address - b.address);
    const most = table === 'coil' || table === 'discrete' ? bitsMax : registersMax;
    let open: Point[] = [];
    let end = 0;
    for (const point of sorted) {
      const first = open[0];
      const pointEnd = point.address + point.size;
      const fits = first && point.address - end <= maxGap && Math.max(end, pointEnd) - first.address <= most;
      if (first && !fits) {
        blocks.push({ table, address: first.address, count: end - first.address, points: open });
        open = [];
        end = 0;
      }
      open.push(point);
      end = Math.max(end, pointEnd);
    }
    if (open[0]) blocks.push({ table, address: open[0].address, count: end - open[0].address, points: open });
  }
  return blocks;
}
