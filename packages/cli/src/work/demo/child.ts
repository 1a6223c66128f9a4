import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { MillraceError } from '@millrace/foundation';
import { productRoot } from '../../runtime/version.js';
import { LogFile } from './log-file.js';
import type { ChildPlan } from './plan.js';

const RESTART_DELAY_MS_FIRST = 1000;
const RESTART_DELAY_MS_MAX = 30_000;
/** A child that ran this long had recovered; its next crash begins with the short delay again. */
const SETTLED_MS = 60_000;
const TAIL_CHARS = 4000;

/** How long to wait before the n-th start in a row (n from 1) after a crash, ms. */
export function restartDelayMs(crashesInARow: number): number {
  return Math.min(RESTART_DELAY_MS_MAX, RESTART_DELAY_MS_FIRST * 2 ** (crashesInARow - 1));
}

/** Runs one child, writes its output to `log/<role>.log`, and starts it again when it ends unasked. */
export class SupervisedChild {
  readonly #plan: ChildPlan;
  readonly #log: LogFile;
  readonly #say: (line: string) => void;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #stopping = false;
  #settled = false;
  #crashes = 0;
  #restart: NodeJS.Timeout | undefined;
  #tail = '';
  #failed: ((error: MillraceError) => void) | undefined;

  constructor(plan: ChildPlan, dataDir: string, say: (line: string) => void) {
    this.#plan = plan;
    this.#log = new LogFile(join(dataDir, 'log', `${plan.role}.log`));
    this.#say = say;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts the child. The promise only ever rejects: when the child ends by itself before `settled()`. */
  start(): Promise<never> {
    const failure = new Promise<never>((_, reject) => {
      this.#failed = reject;
    });
    failure.catch(() => {});
    this.#spawn();
    return failure;
  }

  /** From now on a crash is something to recover from, not a reason to give up. */
  settled(): void {
    this.#settled = true;
  }

  /** Asks for a clean stop and waits for the end; kills after `seconds`. */
  async stop(seconds = 35): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    const guard = setTimeout(() => child.kill('SIGKILL'), seconds * 1000);
    await this.#ended;
    clearTimeout(guard);
  }

  killNow(): void {
    this.#stopping = true;
    clearTimeout(this.#restart);
    this.#child?.kill('SIGKILL');
  }

  #spawn(): void {
    const started = performance.now();
    // A process group of its own, so that Ctrl-C reaches the children in order and not all at once; the IPC channel
    // tells them when this process is gone, so that none is left behind.
    const child = spawn(
      process.execPath,
      [join(productRoot, 'packages/cli/dist/main.js'), ...this.#plan.args],
      { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], detached: true },
    );
    this.#child = child;
    this.#tail = '';
    const keep = (chunk: Buffer) => {
      this.#log.write(chunk);
      this.#tail = (this.#tail + chunk.toString('utf8')).slice(-TAIL_CHARS);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    this.#ended = new Promise((resolve) => {
      child.once('error', () => resolve());
      child.once('close', (code, signal) => {
        resolve();
        this.#onEnd(signal ?? `code ${code}`, performance.now() - started);
      });
    });
  }

  #onEnd(how: string, ranMs: number): void {
    if (this.#stopping) return;
    if (!this.#settled) {
      this.#failed?.(new MillraceError('internal', this.#lastWords(how)));
      return;
    }
    this.#crashes = ranMs > SETTLED_MS ? 1 : this.#crashes + 1;
    const delayMs = restartDelayMs(this.#crashes);
    this.#say(`${this.#plan.role} ended unexpectedly (${how}); starting it again in ${delayMs / 1000} s.`);
    this.#restart = setTimeout(() => this.#spawn(), delayMs);
  }

  /** The sentence the child ended with, if it said one. */
  #lastWords(how: string): string {
    const said = /^millrace: ([\s\S]+)$/m.exec(this.#tail)?.[1]?.trim();
    return (
      said ??
      `${this.#plan.role} ended (${how}) while starting: see log/${this.#plan.role}.log in the data folder.`
    );
  }
}
