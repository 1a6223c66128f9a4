import { type FileHandle, mkdir, open, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { QualityCode } from '@millrace/contracts';
import {
  type Clock,
  errorMessage,
  type Logger,
  MillraceError,
  type Service,
  type Timer,
} from '@millrace/foundation';

/** One value that left the field: a tag in a Modbus answer, an OPC UA read or a notification. */
export interface JournalEntry {
  /** When it was served (Modbus) or its source time stamp (OPC UA), Unix ms. */
  readonly tsMs: number;
  readonly deviceId: string;
  readonly tag: string;
  /** As the client decodes it; null where there is no value. */
  readonly value: number | boolean | null;
  readonly quality: QualityCode;
  readonly protocol: 'modbus' | 'opcua';
  /** Tells clients apart: the TCP port of a Modbus client, the session and subscription of an OPC UA one. */
  readonly client: string;
}

export interface JournalOptions {
  readonly file: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A file larger than this is put aside as `<file>.1`, and so on. */
  readonly fileBytesMax?: number;
  /** How many files are kept, the current one included. */
  readonly filesMax?: number;
}

export interface Journal extends Service {
  append(entry: JournalEntry): void;
  /** Resolves when everything appended so far is in the file. */
  flush(): Promise<void>;
  /** Entries given up because the disk did not keep up. */
  readonly dropped: number;
}

const flushMs = 100;
const waitingBytesMax = 8 * 1024 * 1024;

/** One line: `[tsMs,"device","tag",value,quality,"protocol","client"]`. */
export function journalLine(e: JournalEntry): string {
  return `${JSON.stringify([e.tsMs, e.deviceId, e.tag, e.value, e.quality, e.protocol, e.client])}\n`;
}

/** The entry of a line that `journalLine` wrote, or undefined for anything else (a line cut by a crash). */
export function parseJournalLine(line: string): JournalEntry | undefined {
  try {
    const parts: unknown = JSON.parse(line);
    if (!Array.isArray(parts) || parts.length !== 7) return undefined;
    const [tsMs, deviceId, tag, value, quality, protocol, client] = parts as [
      number,
      string,
      string,
      number | boolean | null,
      number,
      'modbus' | 'opcua',
      string,
    ];
    return { tsMs, deviceId, tag, value, quality, protocol, client };
  } catch {
    return undefined;
  }
}

/** Appends entries to a file, in batches at most 100 ms old. A full disk is reported and counted, not thrown. */
export function createJournal(options: JournalOptions): Journal {
  return new FileJournal(options);
}

class FileJournal implements Journal {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #fileBytesMax: number;
  readonly #filesMax: number;
  #handle: FileHandle | undefined;
  #bytes = 0;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: JournalOptions) {
    this.#file = options.file;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#fileBytesMax = options.fileBytesMax ?? 64 * 1024 * 1024;
    this.#filesMax = options.filesMax ?? 4;
  }

  get dropped(): number {
    return this.#dropped;
  }

  async start(): Promise<void> {
    try {
      await mkdir(dirname(this.#file), { recursive: true });
      await this.#open();
    } catch (error) {
      throw new MillraceError(
        'data_dir_unwritable',
        `Cannot write the journal ${this.#file} (${errorMessage(error)}); name a file in a folder you may write to.`,
        { cause: error },
      );
    }
  }

  append(entry: JournalEntry): void {
    const line = journalLine(entry);
    if (this.#waitingBytes + line.length > waitingBytesMax) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
    this.#timer ??= this.#clock.after(flushMs, () => void this.flush(), { unref: true });
  }

  flush(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  async stop(): Promise<void> {
    await this.flush();
    const closing = this.#handle;
    this.#handle = undefined;
    await closing?.close();
  }

  async #open(): Promise<FileHandle> {
    // 0600: what a plant measures is its owner's business.
    const opened = await open(this.#file, 'a', 0o600);
    this.#handle = opened;
    this.#bytes = (await opened.stat()).size;
    return opened;
  }

  async #rotate(): Promise<void> {
    await this.#handle?.close();
    this.#handle = undefined;
    for (let n = this.#filesMax - 1; n >= 1; n--) {
      const from = n === 1 ? this.#file : `${this.#file}.${n - 1}`;
      if (await stat(from).catch(() => undefined)) await rename(from, `${this.#file}.${n}`);
    }
  }

  async #write(): Promise<void> {
    if (this.#waiting.length === 0) return;
    const lines = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    try {
      if (this.#bytes >= this.#fileBytesMax) await this.#rotate();
      const handle = this.#handle ?? (await this.#open());
      const text = Buffer.from(lines.join(''));
      await handle.appendFile(text);
      this.#bytes += text.length;
    } catch (error) {
      this.#dropped += lines.length;
      this.#logger.error(`Cannot write the journal ${this.#file}: ${errorMessage(error)}.`, {
        dropped: this.#dropped,
      });
    }
  }
}
