import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  planDemo,
  portPlan,
  prepareDataDir,
  socketPath,
  trustGatewayAtField,
  writeDemoFiles,
} from '@millrace/cli';
import {
  freePortBase,
  type ProductProcess,
  type RunResult,
  runProduct,
  startProduct,
  tempDir,
  waitFor,
} from '@millrace/testing';
import pg from 'pg';

export type Role = 'field' | 'platform' | 'edge';

/** Every process of a test starts from what is built now; none of them builds. */
const env = { MILLRACE_BUILD_CHECK: 'off' };

const devicesFile = fileURLToPath(
  new URL('../../../blueprints/water-pumping-station/devices.yaml', import.meta.url),
);

/**
 * The demo plant on a folder and ports of its own, each process started apart so that a test can kill any of them.
 * It is set up by the verbs a user would type.
 */
export class TestPlant {
  readonly #dir = tempDir('plant');
  readonly running = new Map<Role, ProductProcess>();
  readonly plan: ReturnType<typeof planDemo>;

  private constructor(base: number) {
    this.plan = planDemo(this.#dir.path, portPlan(base));
  }

  static async create(): Promise<TestPlant> {
    const plant = new TestPlant(await freePortBase());
    prepareDataDir(plant.dataDir);
    writeDemoFiles(plant.plan);
    return plant;
  }

  get dataDir(): string {
    return this.#dir.path;
  }

  /** Runs a verb on this plant's folder to its end. */
  cli(...args: string[]): Promise<RunResult> {
    return runProduct([...args, '--data', this.dataDir], { env });
  }

  /** The same, failing the test when the verb fails. */
  async mustCli(...args: string[]): Promise<string> {
    const result = await this.cli(...args);
    if (result.code !== 0)
      throw new Error(`millrace ${args.join(' ')}: code ${result.code}\n${result.stderr}`);
    return result.stdout;
  }

  async start(role: Role, ...more: string[]): Promise<ProductProcess> {
    const child = startProduct([...this.plan.children[role].args, ...more], { env });
    this.running.set(role, child);
    const path = role === 'platform' ? '/readyz' : '/status';
    await waitFor(
      async () => {
        if (!child.running) throw new Error(`${role} ended: ${child.lines().slice(-20).join('\n')}`);
        await this.local(role, 'GET', path);
        return true;
      },
      {
        timeoutMs: 60_000,
        what: () => `${role} to be ready; it said:\n${child.lines().slice(-20).join('\n')}`,
      },
    );
    return child;
  }

  async kill(role: Role): Promise<void> {
    await this.running.get(role)?.kill();
  }

  async stop(role: Role): Promise<void> {
    await this.running.get(role)?.stop();
    this.running.delete(role);
  }

  /** Field and platform, the devices registered, the gateway with its certificate; then the gateway itself. */
  async startAll(options: { uplinkPort?: number; fieldArgs?: string[] } = {}): Promise<void> {
    await this.start('field', ...(options.fieldArgs ?? []));
    await this.start('platform');
    await this.mustCli('device', 'import', devicesFile);
    await this.mustCli('certificate', 'issue', '--device', 'GW-01', '--out', this.plan.gatewayPki);
    if (options.uplinkPort !== undefined) this.#moveUplink(options.uplinkPort);
    await this.start('edge');
    await waitFor(() => trustGatewayAtField(this.plan), {
      timeoutMs: 30_000,
      what: "the gateway's OPC UA certificate",
    });
  }

  async stopAll(): Promise<void> {
    for (const role of ['edge', 'platform', 'field'] as const) await this.stop(role);
  }

  /** Ends whatever still runs, without ceremony, and removes the folder. */
  async remove(): Promise<void> {
    for (const child of this.running.values()) {
      if (!child.running) continue;
      await child.stop().catch(() => {});
    }
    this.#dir.remove();
  }

  /** One request over a role's local socket. */
  local<T = unknown>(role: Role, method: string, path: string, body?: unknown): Promise<T> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const call = request(
        {
          socketPath: socketPath(this.dataDir, role),
          method,
          path,
          headers: text === undefined ? {} : { 'content-type': 'application/json' },
        },
        (response) => {
          let said = '';
          response.setEncoding('utf8').on('data', (chunk: string) => {
            said += chunk;
          });
          response.on('end', () => {
            const status = response.statusCode ?? 0;
            if (status >= 200 && status < 300) resolve((said === '' ? undefined : JSON.parse(said)) as T);
            else reject(new Error(`${method} ${path}: ${status} ${said}`));
          });
        },
      );
      call.on('error', reject);
      call.end(text);
    });
  }

  /** The API over the platform's socket. */
  api<T = unknown>(path: string): Promise<T> {
    return this.local<T>('platform', 'GET', path);
  }

  /** The embedded database as its owner. */
  async query<R extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<R[]> {
    const client = new pg.Client({
      host: '127.0.0.1',
      port: this.plan.ports.postgres,
      user: 'millrace',
      password: readFileSync(join(this.dataDir, 'postgres-password'), 'utf8').trim(),
      database: 'millrace',
    });
    await client.connect();
    try {
      return (await client.query<R>(sql, values)).rows;
    } finally {
      await client.end();
    }
  }

  #moveUplink(port: number): void {
    const text = readFileSync(this.plan.gatewayFile, 'utf8');
    const moved = text.replace(`:${this.plan.ports.mqtt}`, `:${port}`);
    if (moved === text) throw new Error('the gateway file does not name the MQTT port');
    writeFileSync(this.plan.gatewayFile, moved);
  }
}
