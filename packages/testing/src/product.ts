import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { waitFor, within } from './wait.js';

/** The built product's command, as a user runs it. */
export const millraceCommand: string = fileURLToPath(new URL('../../cli/bin/millrace.mjs', import.meta.url));

/** How one run of a command ended, with all it printed. */
export interface RunResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options of a process: its working folder, variables on top of the test's own, and a time limit (default 60 s). */
export interface ProcessOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs?: number;
  readonly input?: string;
}

/** Characters of output kept for each stream; a run away process cannot fill the test's memory. */
const outputCharsMax = 4_000_000;

/** A running process of the product (or a peer), its output captured. */
export class ProductProcess {
  readonly child: ChildProcess;
  readonly #ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  #exit: { code: number | null; signal: NodeJS.Signals | null } | undefined;
  #stdout = '';
  #stderr = '';

  constructor(
    file: string,
    readonly args: readonly string[],
    options: ProcessOptions = {},
  ) {
    this.child = spawn(file, args, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...process.env, ...options.env },
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    if (options.input !== undefined) this.child.stdin!.end(options.input);
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout = (this.#stdout + text).slice(-outputCharsMax);
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-outputCharsMax);
    });
    const endWithUs = () => this.child.kill('SIGKILL');
    process.once('exit', endWithUs);
    this.#ended = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('close', (code, signal) => {
        process.removeListener('exit', endWithUs);
        this.#exit = { code, signal };
        resolve(this.#exit);
      });
    });
    this.#ended.catch(() => {});
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  get running(): boolean {
    return this.#exit === undefined;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Both streams' lines so far. */
  lines(): string[] {
    return `${this.#stdout}\n${this.#stderr}`.split('\n').filter((line) => line !== '');
  }

  /** The first line that matches, waiting for it; fails at once when the process ends without printing it. */
  async waitForLine(match: RegExp | ((line: string) => boolean), timeoutMs = 30_000): Promise<string> {
    const test = typeof match === 'function' ? match : (line: string) => match.test(line);
    const found = await waitFor(
      () => {
        const line = this.lines().find(test);
        return line === undefined && !this.running
          ? { line: undefined }
          : line === undefined
            ? undefined
            : { line };
      },
      {
        timeoutMs,
        what: () => `a line matching ${String(match)} from ${this.#name()}; it printed:\n${this.#tail()}`,
      },
    );
    if (found.line === undefined)
      throw new Error(
        `${this.#name()} ended (${this.#exitText()}) before ${String(match)}:\n${this.#tail()}`,
      );
    return found.line;
  }

  /** Waits until an HTTP GET of `url` answers with `status`. */
  async waitForHttp(url: string, status = 200, timeoutMs = 30_000): Promise<void> {
    await waitFor(
      async () => {
        if (!this.running) return { ended: true };
        const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
        await response.arrayBuffer();
        return response.status === status ? { ended: false } : undefined;
      },
      { timeoutMs, what: `${url} to answer ${status}` },
    ).then((result) => {
      if (result.ended) throw new Error(`${this.#name()} ended (${this.#exitText()}):\n${this.#tail()}`);
    });
  }

  /** Waits for the end and tells how it ended. */
  async exited(timeoutMs = 60_000): Promise<RunResult> {
    const { code, signal } = await within(this.#ended, timeoutMs, `The end of ${this.#name()}`);
    return { code, signal, stdout: this.#stdout, stderr: this.#stderr };
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    if (this.running) this.child.kill('SIGKILL');
    await this.exited();
  }

  /** Asks it to stop (SIGINT, as Ctrl-C) and fails when it does not end with code 0 within `timeoutMs`. */
  async stop(options: { signal?: NodeJS.Signals; timeoutMs?: number } = {}): Promise<RunResult> {
    if (this.running) this.child.kill(options.signal ?? 'SIGINT');
    let result: RunResult;
    try {
      result = await this.exited(options.timeoutMs ?? 20_000);
    } catch (error) {
      this.child.kill('SIGKILL');
      throw error;
    }
    if (result.code !== 0)
      throw new Error(`${this.#name()} stopped with ${this.#exitText()}, not code 0:\n${this.#tail()}`);
    return result;
  }

  #name(): string {
    return `\`${[this.child.spawnargs[0], ...this.args].join(' ')}\``;
  }

  #exitText(): string {
    return this.#exit?.signal ? `signal ${this.#exit.signal}` : `code ${this.#exit?.code}`;
  }

  #tail(): string {
    return this.lines().slice(-40).join('\n');
  }
}

/** Starts `millrace <args>` from the built product and returns at once. */
export function startProduct(args: readonly string[], options: ProcessOptions = {}): ProductProcess {
  return new ProductProcess(process.execPath, [millraceCommand, ...args], options);
}

/** Runs `millrace <args>` to its end and returns how it ended; a non-zero code is a result, not a throw. */
export async function runProduct(args: readonly string[], options: ProcessOptions = {}): Promise<RunResult> {
  const running = startProduct(args, options);
  try {
    return await running.exited(options.timeoutMs);
  } catch (error) {
    running.child.kill('SIGKILL');
    throw error;
  }
}

/** Runs any program (a peer) to its end with its output captured. */
export async function runProgram(
  file: string,
  args: readonly string[],
  options: ProcessOptions = {},
): Promise<RunResult> {
  const running = new ProductProcess(file, args, options);
  try {
    return await running.exited(options.timeoutMs);
  } catch (error) {
    running.child.kill('SIGKILL');
    throw error;
  }
}

/** Starts any program (a peer such as mosquitto) with its output captured. */
export function startProgram(
  file: string,
  args: readonly string[],
  options: ProcessOptions = {},
): ProductProcess {
  return new ProductProcess(file, args, options);
}
