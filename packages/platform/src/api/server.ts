import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorMessage, MillraceError, type Service } from '@millrace/foundation';
import type { FastifyInstance } from 'fastify';
import { buildApp } from './app.js';
import type { Services } from './services.js';

export interface ApiServerOptions {
  readonly services: Services;
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Path of the Unix socket on which requests act as the local administrator. */
  readonly localSocket?: string | undefined;
  readonly consoleDir?: string | undefined;
}

/** The API and the console on their port, and the local socket. */
export class ApiServer implements Service {
  readonly #options: ApiServerOptions;
  #apps: FastifyInstance[] = [];
  #port = 0;

  constructor(options: ApiServerOptions) {
    this.#options = options;
  }

  /** The port in use; 0 before `start`. */
  get port(): number {
    return this.#port;
  }

  async start(): Promise<void> {
    const { services, consoleDir, host, port, localSocket } = this.#options;
    const app = await buildApp({ services, local: false, consoleDir });
    this.#apps.push(app);
    try {
      await app.listen({ host, port });
    } catch (error) {
      const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      throw new MillraceError(
        taken ? 'port_taken' : 'config_invalid',
        `The API cannot listen on ${host}:${port} (${errorMessage(error)}): set api.host and api.port.`,
        { cause: error },
      );
    }
    const address = app.server.address();
    this.#port = typeof address === 'object' && address !== null ? address.port : port;
    if (localSocket !== undefined) await this.#openLocal(localSocket);
  }

  async stop(): Promise<void> {
    for (const app of this.#apps.splice(0)) await app.close();
    if (this.#options.localSocket !== undefined) rmSync(this.#options.localSocket, { force: true });
  }

  async #openLocal(path: string): Promise<void> {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    rmSync(path, { force: true });
    const app = await buildApp({ services: this.#options.services, local: true });
    this.#apps.push(app);
    // A umask is the only way without a moment in which the socket is open to others.
    const umask = process.umask(0o177);
    try {
      await app.listen({ path });
      chmodSync(path, 0o600);
    } finally {
      process.umask(umask);
    }
  }
}
