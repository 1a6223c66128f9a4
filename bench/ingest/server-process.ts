import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Cpu {
  readonly platformS: number;
  readonly databaseS: number;
}

export interface Counts {
  readonly stored: number;
  readonly numbers: number;
  readonly bytes: number;
  readonly rssPeak: number;
  readonly ingest: Readonly<Record<string, number>>;
}

export interface State {
  /** Resident memory of the process, bytes. */
  readonly rss: number;
  readonly heldRows: number;
  readonly saturations: number;
  readonly broker: {
    readonly connections: number;
    readonly paused: number;
    readonly refusedPublishes: number;
    readonly protocolErrors: number;
  };
}

/** A program under test as a child process that answers questions. */
export class ServerProcess {
  readonly #child: ChildProcess;
  port = 0;
  /** What a client needs to connect by TLS; undefined on a plain listener. */
  tls:
    | { readonly ca: string; readonly cert: string; readonly key: string; readonly servername: string }
    | undefined;
  topics: readonly { readonly deviceId: string; readonly topic: string }[] = [];

  /** `program`: a file beside this one; it reports its port when it is ready. */
  constructor(program: 'server.mjs' | 'peer.mjs', options: object) {
    const main = fileURLToPath(new URL(program, import.meta.url));
    this.#child = fork(main, [JSON.stringify(options)], {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
  }

  async start(): Promise<void> {
    const ready = (await this.#answer()) as {
      port: number;
      topics?: ServerProcess['topics'];
      tls?: ServerProcess['tls'];
    };
    this.port = ready.port;
    this.tls = ready.tls;
    this.topics = ready.topics ?? [];
  }

  cpu(): Promise<Cpu> {
    return this.#ask('cpu') as Promise<Cpu>;
  }

  /** Waits until the database has written what it owes to the disk. */
  async settle(): Promise<void> {
    await this.#ask('settle');
  }

  counts(): Promise<Counts> {
    return this.#ask('counts') as Promise<Counts>;
  }

  /** What the product holds at this moment; asked without the database. */
  state(): Promise<State> {
    return this.#ask('state') as Promise<State>;
  }

  /** How many messages the peer has stored. */
  async stored(): Promise<number> {
    return ((await this.#ask('stored')) as { stored: number }).stored;
  }

  stop(): Promise<void> {
    if (this.#child.exitCode !== null) return Promise.resolve();
    const ended = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    this.#child.send('stop');
    return ended;
  }

  #ask(question: string): Promise<unknown> {
    const answer = this.#answer();
    this.#child.send(question);
    return answer;
  }

  #answer(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null) =>
        reject(new Error(`the product under test ended with code ${code}`));
      this.#child.once('exit', ended);
      this.#child.once('message', (message) => {
        this.#child.removeListener('exit', ended);
        resolve(message);
      });
    });
  }
}
