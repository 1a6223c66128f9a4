import { MillraceError } from '@millrace/foundation';
import type { DeviceReadings, Readings } from '../plants/plant.js';
import type { ReplayMap } from './replay-map.js';

export interface RecordedRow {
  /** Milliseconds after the first row of the recording. */
  readonly atMs: number;
  readonly readings: Readings;
}

/** Splits a line at the separator; a cell in double quotes may hold the separator, and "" for a quote (RFC 4180). */
export function splitLine(line: string, separator: string): string[] {
  const cells: string[] = [];
  let cell = '';
  let quoted = false;
  for (let i = 0; i < line.length; i++) {
    const c = line[i]!;
    if (quoted) {
      if (c !== '"') cell += c;
      else if (line[i + 1] === '"') {
        cell += '"';
        i++;
      } else quoted = false;
    } else if (c === '"' && cell === '') quoted = true;
    else if (c === separator) {
      cells.push(cell);
      cell = '';
    } else cell += c;
  }
  cells.push(cell);
  return cells;
}

/** Unix milliseconds of a time cell, or undefined. A text without zone is UTC; numbers below 1e11 are seconds. */
export function parseTime(text: string): number | undefined {
  const trimmed = text.trim();
  if (/^\d+(\.\d+)?$/.test(trimmed)) {
    const number = Number(trimmed);
    return number < 1e11 ? number * 1000 : number;
  }
  const zoned = /(Z|[+-]\d{2}:?\d{2})$/i.test(trimmed) ? trimmed : `${trimmed}Z`;
  const ms = Date.parse(zoned.replace(' ', 'T'));
  return Number.isNaN(ms) ? undefined : ms;
}

interface Cell {
  readonly deviceId: string;
  readonly tag: string;
  readonly index: number;
  readonly factor: number;
  readonly offset: number;
}

/** A reader of one recording: first the header line, then each row. Rows it cannot use are undefined. */
export interface RowParser {
  parse(line: string): RecordedRow | undefined;
}

/** Reads rows by the map. Throws `config_invalid` naming the columns there are when the map names another. */
export function rowParser(file: string, header: string, map: ReplayMap): RowParser {
  const columns = splitLine(header.replace(/^\uFEFF/, ''), map.separator).map((name) => name.trim());
  const indexOf = (name: string) => {
    const index = columns.indexOf(name);
    if (index < 0)
      throw new MillraceError(
        'config_invalid',
        `The recording ${file} has no column "${name}"; it has ${columns.join(', ')} (separator "${map.separator}").`,
      );
    return index;
  };
  const timeIndex = indexOf(map.timestamp);
  const cells: Cell[] = [];
  const fixed: Record<string, Record<string, number>> = {};
  for (const [deviceId, tags] of Object.entries(map.devices))
    for (const [tag, source] of Object.entries(tags)) {
      const { factor, offset } = source;
      if (source.column !== undefined)
        cells.push({ deviceId, tag, index: indexOf(source.column), factor, offset });
      else {
        fixed[deviceId] ??= {};
        fixed[deviceId][tag] = source.value ?? 0;
      }
    }
  let firstMs: number | undefined;
  return {
    parse(line) {
      const parts = splitLine(line, map.separator);
      const timeMs = parseTime(parts[timeIndex] ?? '');
      if (timeMs === undefined) return undefined;
      firstMs ??= timeMs;
      const readings: Record<string, Record<string, number>> = {};
      for (const deviceId of Object.keys(map.devices)) readings[deviceId] = { ...fixed[deviceId] };
      for (const { deviceId, tag, index, factor, offset } of cells) {
        const text = (parts[index] ?? '').trim();
        const value = text === '' ? Number.NaN : Number(text);
        // An empty or unreadable cell is a tag without a value at that moment.
        if (Number.isFinite(value)) readings[deviceId]![tag] = value * factor + offset;
      }
      return { atMs: timeMs - firstMs, readings: readings as Record<string, DeviceReadings> };
    },
  };
}
