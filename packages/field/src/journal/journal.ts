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
  const { file, clock, logger } = options;
  const fileBytesMax = options.fileBytesMax ?? 64 * 1024 * 1024;
  const filesMax = options.filesMax ?? 4;
  let handle: FileHandle | undefined;
  let bytes = 0;
  let waiting: string[] = [];
  let waitingBytes = 0;
  let dropped = 0;
  let timer: Timer | undefined;
  let writing: Promise<void> = Promise.resolve();

  async function openFile(): Promise<FileHandle> {
    // 0600: what a plant measures is its owner's business.
    const opened = await open(file, 'a', 0o600);
    bytes = (await opened.stat()).size;
    return opened;
  }

  async function rotate(): Promise<void> {
    await handle?.close();
    handle = undefined;
    for (let n = filesMax - 1; n >= 1; n--) {
      const from = n === 1 ? file : `${file}.${n - 1}`;
      if (await stat(from).catch(() => undefined)) await rename(from, `${file}.${n}`);
    }
    handle = await openFile();
  }

  async function write(): Promise<void> {
    if (waiting.length === 0) return;
    const lines = waiting;
    waiting = [];
    waitingBytes = 0;
    try {
      if (bytes >= fileBytesMax) await rotate();
      handle ??= await openFile();
      const text = Buffer.from(lines.join(''));
      await handle.appendFile(text);
      bytes += text.length;
    } catch (error) {
      dropped += lines.length;
      logger.error(`Cannot write the journal ${file}: ${errorMessage(error)}.`, { dropped });
    }
  }

  function flush(): Promise<void> {
    timer?.cancel();
    timer = undefined;
    writing = writing.then(write);
    return writing;
  }

  return {
    get dropped() {
      return dropped;
    },
    async start() {
      try {
        await mkdir(dirname(file), { recursive: true });
        handle = await openFile();
      } catch (error) {
        throw new MillraceError(
          'data_dir_unwritable',
          `Cannot write the journal ${file} (${errorMessage(error)}); name a file in a folder you may write to.`,
          { cause: error },
        );
      }
    },
    append(entry) {
      const line = journalLine(entry);
      if (waitingBytes + line.length > waitingBytesMax) {
        dropped++;
        return;
      }
      waiting.push(line);
      waitingBytes += line.length;
      timer ??= clock.after(flushMs, () => void flush(), { unref: true });
    },
    flush,
    async stop() {
      await flush();
      const closing = handle;
      handle = undefined;
      await closing?.close();
    },
  };
}
