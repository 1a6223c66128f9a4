import { appendFileSync, renameSync, statSync } from 'node:fs';

/** A log file of bounded size: at the limit it becomes `<name>.1`, which replaces the one before. */
export class LogFile {
  readonly #path: string;
  readonly #bytesMax: number;
  #bytes: number;

  constructor(path: string, bytesMax = 10 * 1024 * 1024) {
    this.#path = path;
    this.#bytesMax = bytesMax;
    this.#bytes = sizeOf(path);
  }

  write(chunk: Uint8Array): void {
    if (this.#bytes + chunk.length > this.#bytesMax && this.#bytes > 0) {
      renameSync(this.#path, `${this.#path}.1`);
      this.#bytes = 0;
    }
    appendFileSync(this.#path, chunk);
    this.#bytes += chunk.length;
  }
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}
