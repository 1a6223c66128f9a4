import { parseClientId } from '@millrace/contracts';
import {
  type Clock,
  errorMessage,
  type Logger,
  type Random,
  type Service,
  type Timer,
} from '@millrace/foundation';
import type {
  Authenticator,
  Authorizer,
  FrontDoorEvent,
  FrontDoorObserver,
  Ingress,
  MqttMessage,
} from '@millrace/mqtt';
import type { Role } from './access/model.js';
import { AccessService } from './access/service.js';
import { ApiServer } from './api/server.js';
import type { PlatformConfig, PlatformRole } from './config.js';
import { Database, migrations } from './database/index.js';
import { type Bus, createBus } from './engines/bus/index.js';
import { createLastKnown, type LastKnown } from './engines/last-known/index.js';
import { FleetService } from './fleet/service.js';
import { StreamHub } from './fleet/stream.js';
import { CertificateAuthenticator, FrontDoorLog, PrefixAuthorizer } from './identity/front-door.js';
import { Pki, type ServiceTls } from './identity/pki.js';
import { IdentityService } from './identity/service.js';
import { TlsWatch } from './identity/tls-watch.js';
import { River, type RiverPart } from './ingest/index.js';
import type { Tenant } from './registry/model.js';
import { RegistryService } from './registry/service.js';
import { type AttachedBroker, addFigures } from './status/figures.js';
import { StatusService } from './status/service.js';
import { TelemetryService } from './telemetry/service.js';

export interface PlatformOptions {
  readonly config: PlatformConfig;
  readonly dataDir: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Folder of the console's built files; without it only the API is served. */
  readonly consoleDir?: string | undefined;
  /** Path of the Unix socket for local verbs. */
  readonly localSocket?: string | undefined;
}

/** The platform: everything behind the broker. The broker may listen between `start` and `stop`. */
export interface Platform extends Service {
  /** What stands behind the broker; valid once started. */
  readonly ingress: Ingress;
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly observer: FrontDoorObserver;
  /** PEM texts for the broker's listener; valid once started. */
  readonly brokerTls: ServiceTls;
  readonly ports: { readonly api: number };
  attachBroker(broker: AttachedBroker): void;
  /** Gives a message to subscribers, through the broker. False while there is none. */
  publish(message: MqttMessage): boolean;
  ensureTenant(slug: string, title?: string): Promise<Tenant>;
  /** Address that signs a person in once. */
  createSignInLink(tenantSlug: string, role: Role): Promise<string>;
  /** The secret of a new API token. */
  createToken(tenantSlug: string, name: string, role: Role): Promise<string>;
}

const followPeriodMs = 1_000;

/** Whether this process is the whole platform, with nobody else beside it. */
function wholeIn({ roles, bus }: PlatformConfig): boolean {
  return bus.url === undefined && roles.includes('broker') && roles.includes('ingest');
}

/** Which devices this process writes. */
function riverPart({ roles, bus }: PlatformConfig): RiverPart {
  if (!roles.includes('ingest')) return 'none';
  return bus.url === undefined ? 'whole' : 'partitions';
}

function busSettings({ bus, roles }: PlatformConfig) {
  const { url, partitions, group, session_timeout_s: sessionTimeoutS } = bus;
  return { url, partitions, group, sessionTimeoutS, produces: roles.includes('broker') };
}

/** Composes the platform. Construction does nothing. */
export function createPlatform(options: PlatformOptions): Platform {
  return new MillracePlatform(options);
}

class MillracePlatform implements Platform {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly observer: FrontDoorLog;
  readonly #options: PlatformOptions;
  readonly #database: Database;
  readonly #registry: RegistryService;
  readonly #identity: IdentityService;
  readonly #access: AccessService;
  readonly #pki: Pki;
  readonly #tlsWatch: TlsWatch;
  readonly #river: River;
  readonly #stream: StreamHub;
  readonly #telemetry: TelemetryService;
  readonly #api: ApiServer;
  readonly #bus: Bus;
  readonly #lastKnown: LastKnown;
  readonly #roles: ReadonlySet<PlatformRole>;
  #refreshTimer: Timer | undefined;
  readonly #connections = new Map<string, number>();
  /** What was started, to be stopped in reverse. */
  readonly #started: Service[] = [];
  #broker: AttachedBroker | undefined;

  constructor(options: PlatformOptions) {
    const { config, clock, random, logger, dataDir } = options;
    this.#options = options;
    const database = new Database({ dataDir, ...config.database, migrations, clock, logger });
    this.#database = database;
    this.#registry = new RegistryService(database, clock);
    const { directory } = this.#registry;
    this.#pki = new Pki({ dataDir, clock, logger, hosts: config.mqtt.names });
    this.#tlsWatch = new TlsWatch({
      pki: this.#pki,
      dataDir,
      clock,
      logger,
      apply: (tls) => this.#broker?.reloadTls?.(tls),
    });
    this.#identity = new IdentityService({ database, registry: this.#registry, pki: this.#pki, clock });
    this.#access = new AccessService(database, clock, random);
    const tenantIds = () => directory.tenants().map((tenant) => tenant.tenantId);
    this.#roles = new Set(config.roles);
    const part = riverPart(config);
    const common = { directory, clock, random, logger, refreshDirectory: () => this.#registry.refresh() };
    const driftLimitMs = config.clocks.drift_limit_ms;
    const river = new River({ database, ...common, tenantIds, part, driftLimitMs });
    this.#river = river;
    this.#bus = createBus({ ...common, ...busSettings(config), sink: part === 'none' ? undefined : river });
    this.#lastKnown = createLastKnown({ url: config.redis.url, logger });
    const { live, ledger, deadLetters, events, clocks } = river;
    const fleet = new FleetService({ directory, live, ledger, deadLetters, clocks, clock });
    this.#stream = new StreamHub({ live, fleet, directory, clock, logger });
    this.#telemetry = new TelemetryService(database, ledger);
    const status = new StatusService(database, clock);
    this.authenticator = new CertificateAuthenticator(this.#identity, directory, clock);
    this.authorizer = new PrefixAuthorizer(directory);
    this.observer = new FrontDoorLog(logger, (event) => this.#heard(event));
    this.#registry.onRegistered = () => this.#broker?.refreshRights?.();
    this.#identity.onRevoked = (clientId) => this.#broker?.disconnectClient(clientId, 'certificate revoked');
    this.#api = new ApiServer({
      host: config.api.host,
      port: config.api.port,
      consoleDir: options.consoleDir,
      localSocket: options.localSocket,
      services: {
        registry: this.#registry,
        identity: this.#identity,
        access: this.#access,
        telemetry: this.#telemetry,
        fleet,
        stream: this.#stream,
        ledger,
        deadLetters,
        events,
        status,
        database,
        clock,
        logger,
        consoleUrl: () => this.#consoleUrl(),
      },
    });
    addFigures(status, {
      river: part === 'none' ? undefined : river,
      bus: this.#bus,
      hasBroker: this.#roles.has('broker'),
      registry: this.#registry,
      access: this.#access,
      stream: this.#stream,
      frontDoor: this.observer,
      database,
      broker: () => this.#broker,
    });
  }

  get ingress(): Ingress {
    return this.#bus.ingress;
  }

  get brokerTls(): ServiceTls {
    return this.#pki.serviceTls;
  }

  get ports(): { readonly api: number } {
    return { api: this.#api.port };
  }

  async start(): Promise<void> {
    if (this.#started.length > 0) return;
    try {
      await this.#run(this.#database);
      await this.#registry.load();
      for (const { slug, title } of this.#options.config.tenants) await this.ensureTenant(slug, title);
      const api = this.#roles.has('api');
      if (api || this.#roles.has('broker')) {
        await this.#pki.open();
        await this.#identity.load();
      }
      if (api || this.#roles.has('ingest')) await this.#run(this.#river);
      await this.#run(this.#bus);
      await this.#showOthers();
      if (this.#roles.has('broker')) await this.#run(this.#tlsWatch);
      if (!wholeIn(this.#options.config)) this.#followOthers();
      if (api) {
        await this.#run(this.#telemetry);
        await this.#run(this.#stream);
        await this.#run(this.#api);
      }
      await this.#readUpstream();
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.#options.logger.info('The platform is ready.', {
      roles: [...this.#roles],
      ...(this.#roles.has('api') ? { api: this.#consoleUrl() } : {}),
    });
  }

  async stop(): Promise<void> {
    this.#refreshTimer?.cancel();
    for (const service of this.#started.splice(0).reverse()) await service.stop();
  }

  attachBroker(broker: AttachedBroker): void {
    this.#broker = broker;
  }

  publish(message: MqttMessage): boolean {
    if (this.#broker === undefined) return false;
    this.#broker.publish(message);
    return true;
  }

  ensureTenant(slug: string, title?: string): Promise<Tenant> {
    return this.#registry.ensureTenant(slug, title ?? this.#registry.directory.tenant(slug)?.title ?? slug);
  }

  async createSignInLink(tenantSlug: string, role: Role): Promise<string> {
    const { tenantId } = await this.ensureTenant(tenantSlug);
    return `${this.#consoleUrl()}/sign-in?token=${await this.#access.createSignInLink(tenantId, role)}`;
  }

  async createToken(tenantSlug: string, name: string, role: Role): Promise<string> {
    const { tenantId } = await this.ensureTenant(tenantSlug);
    return (await this.#access.createToken(tenantId, { name, role })).secret;
  }

  /** Noted before it starts, so that what fails half way is stopped too; `stop` is idempotent everywhere. */
  async #run(service: Service): Promise<void> {
    this.#started.push(service);
    await service.start();
  }

  /** Last-known values go from the processes that ingest to those that only show. */
  async #showOthers(): Promise<void> {
    const { live } = this.#river;
    if (this.#options.config.redis.url === undefined) return;
    if (this.#roles.has('ingest')) live.subscribe((updates) => this.#lastKnown.show(updates));
    else if (this.#roles.has('api')) this.#lastKnown.onShown((updates) => live.takeShown(updates));
    await this.#run(this.#lastKnown);
  }

  /** Connects to somebody else's broker, where the configuration names one. */
  async #readUpstream(): Promise<void> {
    const { config, clock, random, logger } = this.#options;
    const { url, client_id: clientId, group, version, session_expiry_s: sessionExpiryS } = config.broker;
    if (url === undefined || !this.#roles.has('broker')) return;
    const { MqttUpstream } = await import('./engines/upstream/mqtt/engine.js');
    const { ca, certificate, key } = config.broker;
    const upstream = new MqttUpstream({
      ...{ url, clientId, group, version, sessionExpiryS, clock, random },
      files: { ca, certificate, key },
      ingress: () => this.#bus.ingress,
      directory: this.#registry.directory,
      logger: logger.child({ part: 'broker' }),
    });
    this.attachBroker(upstream);
    await this.#run(upstream);
  }

  /** Other processes register devices, and issue and revoke certificates: this one looks every second. */
  #followOthers(): void {
    const { clock, logger } = this.#options;
    let looking = false;
    const look = async () => {
      if (looking) return;
      looking = true;
      try {
        await this.#registry.refresh();
        if (this.#roles.has('broker')) await this.#identity.refresh();
      } catch (error) {
        logger.warn('What other processes registered could not be read; the next second tries again.', {
          error: errorMessage(error),
        });
      } finally {
        looking = false;
      }
    };
    this.#refreshTimer = clock.every(followPeriodMs, () => void look());
  }

  #consoleUrl(): string {
    const { host, public_url: known } = this.#options.config.api;
    if (known !== undefined) return known.replace(/\/$/, '');
    const shown = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
    return `http://${shown.includes(':') ? `[${shown}]` : shown}:${this.#api.port}`;
  }

  /** Connections drive the state of the device that connected; a takeover is not an end. */
  #heard(event: FrontDoorEvent): void {
    if (event.type !== 'connected' && event.type !== 'disconnected') return;
    const { clientId, tenant } = event.principal;
    const open = (this.#connections.get(clientId) ?? 0) + (event.type === 'connected' ? 1 : -1);
    if (open > 0) this.#connections.set(clientId, open);
    else this.#connections.delete(clientId);
    const tenantId = this.#registry.directory.tenantId(tenant);
    const deviceId = parseClientId(clientId)?.deviceId;
    const device =
      tenantId === undefined || deviceId === undefined
        ? undefined
        : this.#registry.directory.byId(tenantId, deviceId);
    if (device === undefined) return;
    const reason = event.type === 'disconnected' ? `Disconnected: ${event.reason}` : undefined;
    this.#river.live.connectionChanged(device.deviceNo, open > 0, reason, this.#options.clock.nowMs());
  }
}
