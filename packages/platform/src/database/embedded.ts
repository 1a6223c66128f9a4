import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  type Clock,
  errorMessage,
  type Logger,
  MillraceError,
  type Service,
  type Timer,
} from '@millrace/foundation';
import { findBinaries } from './binaries.js';
import { endLeftoverServer } from './leftover.js';
import { chooseRunAs, command, type RunAs, spawnAccount } from './run-as.js';
import { serverFlags } from './server-settings.js';

const run = promisify(execFile);

export interface EmbeddedOptions {
  readonly dataDir: string;
  readonly port: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The first restart after a crash waits this long, each further one twice as long up to the maximum. */
const restartDelayMs = 100;
const restartDelayMsMax = 5_000;
const readyTimeoutMs = 180_000;

/**
 * The embedded PostgreSQL as a supervised child process: initialised at the first start, stopped by fast shutdown,
 * started again by itself when it dies (PostgreSQL then recovers from its log). It listens on 127.0.0.1 with a
 * generated password; `fsync` and `synchronous_commit` stay on.
 */
export class EmbeddedPostgres implements Service {
  readonly #options: EmbeddedOptions;
  readonly #pgData: string;
  #child: ChildProcess | undefined;
  #runAs: RunAs | undefined;
  #binDir = '';
  #stopping = false;
  #restartTimer: Timer | undefined;
  #failures = 0;
  #restarts = 0;
  #lastLines: string[] = [];

  constructor(options: EmbeddedOptions) {
    this.#options = options;
    this.#pgData = join(options.dataDir, 'postgres');
  }

  /** Times the server died and was started again since the start. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Process id of the server; undefined while it is down. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Connection address of a database as the server's owner. Valid once started. */
  url(database: string): string {
    const password = readFileSync(this.#passwordFile, 'utf8').trim();
    return `postgres://millrace:${password}@127.0.0.1:${this.#options.port}/${database}`;
  }

  get #passwordFile(): string {
    return join(this.#options.dataDir, 'postgres-password');
  }

  async start(): Promise<void> {
    this.#stopping = false;
    this.#binDir = await findBinaries();
    mkdirSync(this.#pgData, { recursive: true, mode: 0o700 });
    this.#runAs = await chooseRunAs(this.#options.dataDir, this.#pgData, this.#binDir);
    await endLeftoverServer(this.#pgData, this.#options.clock, this.#options.logger);
    await assertPortFree(this.#options.port);
    if (!existsSync(join(this.#pgData, 'PG_VERSION'))) await this.#initialise();
    await this.#spawn();
  }

  /** Fast shutdown: sessions are ended, a checkpoint is written. Waits for the process. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#restartTimer?.cancel();
    const child = this.#child;
    if (child === undefined) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGINT');
    const hurry = this.#options.clock.after(60_000, () => child.kill('SIGQUIT'));
    await ended;
    hurry.cancel();
  }

  async #initialise(): Promise<void> {
    const runAs = this.#runAs!;
    const password = randomBytes(24).toString('base64url');
    writeFileSync(this.#passwordFile, `${password}\n`, { mode: 0o600 });
    // initdb may run as another account, which cannot read the 0600 file of ours: it gets a copy for a moment.
    const handover = join(this.#pgData, '..', 'postgres-password.init');
    writeFileSync(handover, `${password}\n`, { mode: 0o600 });
    if (runAs.uid !== undefined) chownSync(handover, runAs.uid, runAs.gid ?? runAs.uid);
    const flags = [
      '-U',
      'millrace',
      '--pwfile',
      handover,
      '--auth=scram-sha-256',
      '-E',
      'UTF8',
      '--locale=C',
    ];
    const [file, args] = command(runAs, [join(this.#binDir, 'initdb'), '-D', this.#pgData, ...flags]);
    try {
      await run(file, args, spawnAccount(runAs));
    } catch (cause) {
      rmSync(join(this.#pgData, 'PG_VERSION'), { force: true });
      const said = (cause as { stderr?: string }).stderr?.trim() || errorMessage(cause);
      throw new MillraceError(
        'database_cannot_start',
        `The database could not be created in ${this.#pgData}: ${lastLine(said)}. Check that the disk has space and the folder is writable.`,
        { cause },
      );
    } finally {
      rmSync(handover, { force: true });
    }
  }

  #spawn(): Promise<void> {
    const { clock, logger, port } = this.#options;
    const runAs = this.#runAs!;
    const flags = ['-D', this.#pgData, ...serverFlags(port)];
    const [file, args] = command(runAs, [join(this.#binDir, 'postgres'), ...flags]);
    // Its own process group, so that Ctrl-C in a terminal reaches the platform alone, which then stops it in order.
    const child = spawn(file, args, {
      ...spawnAccount(runAs),
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    this.#child = child;
    return new Promise<void>((resolve, reject) => {
      const timeout = clock.after(readyTimeoutMs, () => child.kill('SIGQUIT'));
      let ready = false;
      child.stderr!.setEncoding('utf8').on('data', (text: string) => {
        this.#log(text);
        if (!ready && text.includes('ready to accept connections')) {
          ready = true;
          timeout.cancel();
          resolve();
        }
      });
      child.once('error', (error) => reject(this.#cannotStart(errorMessage(error))));
      child.once('exit', (code, signal) => {
        timeout.cancel();
        this.#child = undefined;
        if (!ready) reject(this.#cannotStart(this.#lastLines.at(-1) ?? `exit code ${code}`));
        else if (!this.#stopping) {
          this.#restarts++;
          this.#failures = 0;
          logger.error('The database server ended unexpectedly; it is started again.', { code, signal });
          this.#restartLater();
        }
      });
    });
  }

  #restartLater(): void {
    const delayMs = Math.min(restartDelayMsMax, restartDelayMs * 2 ** this.#failures);
    this.#restartTimer = this.#options.clock.after(delayMs, () => {
      if (this.#stopping) return;
      this.#spawn().then(
        () => this.#options.logger.info('The database server is up again.', { restarts: this.#restarts }),
        (error) => {
          this.#failures++;
          this.#options.logger.error('The database server did not come up.', { error: errorMessage(error) });
          if (!this.#stopping) this.#restartLater();
        },
      );
    });
  }

  #log(text: string): void {
    for (const line of text.split('\n')) {
      if (line.trim() === '') continue;
      this.#lastLines.push(line);
      if (this.#lastLines.length > 20) this.#lastLines.shift();
      if (!this.#stopping && /\b(FATAL|PANIC):/.test(line)) this.#options.logger.warn('database', { line });
      else this.#options.logger.debug('database', { line });
    }
  }

  #cannotStart(said: string): MillraceError {
    return new MillraceError(
      'database_cannot_start',
      `The embedded PostgreSQL in ${this.#pgData} did not start: ${said}`,
    );
  }
}

function lastLine(text: string): string {
  return text.split('\n').at(-1) ?? text;
}

function assertPortFree(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        new MillraceError(
          'port_taken',
          `Port ${port} on 127.0.0.1, meant for PostgreSQL, cannot be used (${cause.code ?? cause.message}): stop what uses it, or choose other ports with --port-base.`,
          { cause, details: { port } },
        ),
      ),
    );
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve()));
  });
}
