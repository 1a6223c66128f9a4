import { createReadStream } from 'node:fs';
import { createInterface, type Interface } from 'node:readline';
import { errorMessage, MillraceError } from '@millrace/foundation';
import type { PlantMap } from '../plants/map-types.js';
import type { Readings } from '../plants/plant.js';
import { type RecordedRow, type RowParser, rowParser } from './csv.js';
import { loadReplayMap, type ReplayMap } from './replay-map.js';

export interface ReplayOptions {
  /** The CSV file; its first line names the columns. */
  readonly file: string;
  /** The map file, YAML or JSON. */
  readonly map: string;
  /** Times the original spacing; 1 when absent. */
  readonly speed?: number;
  /** Begin again after the last row; false when absent: the last row then stays. */
  readonly loop?: boolean;
}

export interface ReplayStatus {
  readonly file: string;
  readonly speed: number;
  readonly rows: number;
  /** Rows without a readable time, or out of order; skipped. */
  readonly skippedRows: number;
  readonly rounds: number;
  readonly ended: boolean;
}

/** Plays a recording row by row; it reads ahead by a bounded number of rows, so the file may be of any size. */
export interface Player {
  readonly map: ReplayMap;
  open(): Promise<void>;
  /** The readings that hold `elapsedMs` of real time after the start; the previous ones until the next row is due. */
  readingsAt(elapsedMs: number): Readings | undefined;
  /** Reads ahead. Call it after `readingsAt`; concurrent calls share one read. */
  refill(): Promise<void>;
  close(): void;
  status(): ReplayStatus;
}

const rowsAhead = 2000;

/** Checks the map and the header at once, so a mistake is told before anything serves. */
export async function createPlayer(options: ReplayOptions, plant: PlantMap): Promise<Player> {
  const speed = options.speed ?? 1;
  if (!(speed > 0 && speed <= 100_000))
    throw new MillraceError(
      'invalid_argument',
      `The replay speed must be above 0 and at most 100000, not ${speed}.`,
    );
  const map = await loadReplayMap(options.map, plant);
  return new CsvPlayer(options, speed, map);
}

class CsvPlayer implements Player {
  readonly map: ReplayMap;
  readonly #options: ReplayOptions;
  readonly #speed: number;
  #lines: Interface | undefined;
  #iterator: AsyncIterator<string> | undefined;
  #parser: RowParser | undefined;
  #ahead: RecordedRow[] = [];
  #current: Readings | undefined;
  /** Recording time at which the present round began, and the last row read, both on the replay's own axis. */
  #roundStartMs = 0;
  #lastMs = 0;
  #rows = 0;
  #rowsInRound = 0;
  #skipped = 0;
  #rounds = 0;
  #atEnd = false;
  #reading: Promise<void> | undefined;

  constructor(options: ReplayOptions, speed: number, map: ReplayMap) {
    this.#options = options;
    this.#speed = speed;
    this.map = map;
  }

  async open(): Promise<void> {
    await this.#begin();
    await this.refill();
    if (this.#ahead.length === 0)
      throw new MillraceError(
        'config_invalid',
        `The recording ${this.#options.file} has no row with a readable time in the column "${this.map.timestamp}".`,
      );
  }

  readingsAt(elapsedMs: number): Readings | undefined {
    const untilMs = elapsedMs * this.#speed;
    let due = 0;
    while (due < this.#ahead.length && this.#ahead[due]!.atMs <= untilMs) due++;
    if (due > 0) {
      this.#current = this.#ahead[due - 1]!.readings;
      this.#ahead.splice(0, due);
      this.#rows += due;
    }
    return this.#current;
  }

  refill(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  close(): void {
    this.#lines?.close();
    this.#lines = undefined;
    this.#iterator = undefined;
  }

  status(): ReplayStatus {
    return {
      file: this.#options.file,
      speed: this.#speed,
      rows: this.#rows,
      skippedRows: this.#skipped,
      rounds: this.#rounds,
      ended: this.#atEnd && this.#ahead.length === 0,
    };
  }

  async #begin(): Promise<void> {
    const { file } = this.#options;
    try {
      const input = createReadStream(file, 'utf8');
      await new Promise<void>((resolve, reject) => {
        input.once('open', () => resolve());
        input.once('error', reject);
      });
      this.#lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
      this.#iterator = this.#lines[Symbol.asyncIterator]();
      const header = await this.#iterator.next();
      this.#rowsInRound = 0;
      this.#parser = rowParser(file, header.done ? '' : header.value, this.map);
    } catch (error) {
      this.close();
      if (error instanceof MillraceError) throw error;
      throw new MillraceError(
        'config_unreadable',
        `Cannot read the recording ${file} (${errorMessage(error)}); name an existing CSV file.`,
        { cause: error },
      );
    }
  }

  async #read(): Promise<void> {
    while (this.#ahead.length < rowsAhead && !this.#atEnd && this.#iterator) {
      const line = await this.#iterator.next();
      if (line.done) {
        this.#rounds++;
        this.close();
        if (!this.#options.loop || this.#rowsInRound === 0) {
          this.#atEnd = true;
          return;
        }
        // The first row of the next round follows the last one a second of recording later.
        this.#roundStartMs = this.#lastMs + 1000;
        await this.#begin();
        continue;
      }
      this.#take(line.value);
    }
  }

  #take(line: string): void {
    if (line.trim() === '') return;
    const row = this.#parser?.parse(line);
    const atMs = row ? this.#roundStartMs + row.atMs : Number.NaN;
    if (!row || atMs < this.#lastMs) {
      this.#skipped++;
      return;
    }
    this.#lastMs = atMs;
    this.#rowsInRound++;
    this.#ahead.push({ atMs, readings: row.readings });
  }
}
