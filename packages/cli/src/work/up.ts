import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Broker, createBroker } from '@millrace/broker';
import { type Logger, MillraceError, type Service, systemClock, systemRandom } from '@millrace/foundation';
import {
  checkPlatformConfig,
  checkRoles,
  createPlatform,
  type Platform,
  type PlatformConfig,
  type PlatformRole,
  platformRoles,
} from '@millrace/platform';
import type { Invocation, Work } from '../command.js';
import { textOption } from '../options.js';
import { dataDirOf, portBaseOf } from '../runtime/data-dir.js';
import { socketPath } from '../runtime/local-socket.js';
import { portPlan, portUses, requireFreePorts } from '../runtime/ports.js';
import { runProcess } from '../runtime/run-process.js';
import { sessionStore } from '../runtime/session-store.js';
import { productRoot } from '../runtime/version.js';
import { readConfigFile } from './config.js';

export const runUp: Work = async (invocation) => {
  // Read before the data folder is touched: a wrong line is told without a side effect.
  const config = configOf(invocation);
  const dataDir = dataDirOf(invocation);
  return runProcess({
    role: 'platform',
    dataDir,
    invocation,
    build: async (logger) => {
      await requirePorts(config);
      const platform = createPlatform({
        config,
        dataDir,
        clock: systemClock,
        random: systemRandom,
        logger,
        consoleDir: config.roles.includes('api') ? consoleDir(logger) : undefined,
        localSocket: socketPath(dataDir, 'platform'),
      });
      return { service: new PlatformWithBroker(platform, config, dataDir, logger) };
    },
  });
};

/** The file's settings, or the defaults; `--port-base` and DATABASE_URL stand above both. */
function configOf(invocation: Invocation): PlatformConfig {
  const file = textOption(invocation, 'config');
  const config = withRoles(
    invocation,
    checkPlatformConfig(file === undefined ? '{}' : readConfigFile(file), file ?? 'defaults'),
  );
  const base = portBaseOf(invocation);
  const url = process.env.DATABASE_URL;
  const withUrl =
    url === undefined || url === '' ? config : { ...config, database: { ...config.database, url } };
  if (base === undefined) return withUrl;
  const ports = portPlan(base);
  return {
    ...withUrl,
    api: { ...withUrl.api, port: ports.console },
    mqtt: { ...withUrl.mqtt, port: ports.mqtt },
    database: { ...withUrl.database, port: ports.postgres },
  };
}

/** `--roles`, `--bus`, `--broker` and `--redis` stand above the file. */
function withRoles(invocation: Invocation, config: PlatformConfig): PlatformConfig {
  const roles = textOption(invocation, 'roles')?.split(',') ?? config.roles;
  const unknown = roles.find((role) => !(platformRoles as readonly string[]).includes(role));
  if (unknown !== undefined)
    throw new MillraceError(
      'invalid_argument',
      `--roles knows ${platformRoles.join(', ')}, not "${unknown}": write them with commas, e.g. --roles broker,api.`,
    );
  const url = textOption(invocation, 'bus') ?? config.bus.url;
  const brokerUrl = textOption(invocation, 'broker') ?? config.broker.url;
  const changed = {
    ...config,
    roles: roles as PlatformRole[],
    bus: { ...config.bus, url },
    broker: { ...config.broker, url: brokerUrl },
    redis: { url: textOption(invocation, 'redis') ?? config.redis.url },
  };
  checkRoles(changed);
  return changed;
}

/** PostgreSQL's port is the database's own business: a server left by a platform that was killed may hold it. */
function requirePorts(config: PlatformConfig): Promise<void> {
  const { api, mqtt, roles } = config;
  const wanted = [
    ...(roles.includes('api') ? [{ host: api.host, port: api.port, use: portUses.console }] : []),
    ...(listens(config) ? [{ host: mqtt.host, port: mqtt.port, use: portUses.mqtt }] : []),
  ];
  return requireFreePorts(wanted, 'choose others in the configuration or with --port-base');
}

/** Whether this process has a broker of its own. */
function listens({ roles, broker }: PlatformConfig): boolean {
  return roles.includes('broker') && broker.url === undefined;
}

function consoleDir(logger: Logger): string | undefined {
  const folder = join(productRoot, 'packages/console/dist');
  if (existsSync(join(folder, 'index.html'))) return folder;
  logger.warn('The console is not built, so only the API is served: run "npm run build" to have it.', {
    folder,
  });
  return undefined;
}

/**
 * The platform and the broker in front of it. The broker listens only while what stands behind it can answer, so it
 * starts last and stops first.
 */
class PlatformWithBroker implements Service {
  readonly #platform: Platform;
  readonly #config: PlatformConfig;
  readonly #dataDir: string;
  readonly #logger: Logger;
  #broker: Broker | undefined;

  constructor(platform: Platform, config: PlatformConfig, dataDir: string, logger: Logger) {
    this.#platform = platform;
    this.#config = config;
    this.#dataDir = dataDir;
    this.#logger = logger;
  }

  async start(): Promise<void> {
    const platform = this.#platform;
    await platform.start();
    if (!listens(this.#config)) return;
    const { host, port } = this.#config.mqtt;
    const url = `mqtts://${host.includes(':') ? `[${host}]` : host}:${port}`;
    const broker = createBroker({
      listeners: [{ url, tls: platform.brokerTls }],
      store: sessionStore(this.#dataDir),
      ingress: platform.ingress,
      authenticator: platform.authenticator,
      authorizer: platform.authorizer,
      observer: platform.observer,
      clock: systemClock,
      random: systemRandom,
      logger: this.#logger.child({ part: 'broker' }),
    });
    this.#broker = broker;
    platform.attachBroker(broker);
    await broker.start();
    this.#logger.info('The broker listens.', { ports: broker.listenerPorts });
  }

  async stop(): Promise<void> {
    await this.#broker?.stop();
    this.#broker = undefined;
    await this.#platform.stop();
  }
}
