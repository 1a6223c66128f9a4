import type { QualityCode } from '@millrace/contracts';
import { errorMessage, type Logger, MillraceError, type Service } from '@millrace/foundation';
import {
  MessageSecurityMode,
  nodesets,
  OPCUAServer,
  SecurityPolicy,
  setErrorLogger,
  setWarningLogger,
} from 'node-opcua';
import type { ServedTag } from '../faults.js';
import type { CommandName, PlantMap } from '../plants/map-types.js';
import { buildAddressSpace } from './address-space.js';
import { watchNotifications } from './notifications.js';
import { type OpcUaCredentials, type OpcUaPaths, opcUaPaths, sameSecret, trustLists } from './security.js';

export interface OpcUaServerOptions {
  readonly map: PlantMap;
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly pkiDir: string;
  readonly credentials: OpcUaCredentials;
  readonly logger: Logger;
  readonly served: (deviceId: string, tag: string) => ServedTag;
  /** Source time stamp of what `served` gives now, Unix ms. */
  readonly sourceMs: () => number;
  readonly readBack: (deviceId: string, command: CommandName) => number;
  /** False when the value is out of bounds. */
  readonly write: (deviceId: string, command: CommandName, value: number) => boolean;
  readonly onServed: (entry: {
    readonly deviceId: string;
    readonly tag: string;
    readonly sourceMs: number;
    readonly value: number | boolean | null;
    readonly quality: QualityCode;
    readonly client: string;
  }) => void;
}

export interface OpcUaServer extends Service {
  readonly port: number;
  readonly endpointUrl: string;
  readonly paths: OpcUaPaths;
  stats(): { readonly sessions: number; readonly subscriptions: number };
}

export const applicationUri = 'urn:millrace:field';
const connectionsMax = 20;

/** node-opcua writes to the console unless told otherwise; its lines are for whoever debugs the protocol. */
function routeLibraryLog(logger: Logger): void {
  const to = (...parts: unknown[]) => logger.debug(parts.map(String).join(' ').trim());
  setWarningLogger(to);
  setErrorLogger(to);
}

/** An OPC UA server with one endpoint: SignAndEncrypt, Basic256Sha256, no anonymous users (OPC 10000-7). */
export function createOpcUaServer(options: OpcUaServerOptions): OpcUaServer {
  return new PlantServer(options);
}

type TrustLists = Awaited<ReturnType<typeof trustLists>>;

function buildServer(options: OpcUaServerOptions, lists: TrustLists): OPCUAServer {
  const { host, port, credentials } = options;
  const everywhere = host === '0.0.0.0' || host === '::';
  return new OPCUAServer({
    port,
    host,
    // What clients are told to connect to must be an address they can reach.
    ...(everywhere ? {} : { hostname: host }),
    alternateHostname: [...new Set(['localhost', '127.0.0.1', ...(everywhere ? [] : [host])])],
    maxConnectionsPerEndpoint: connectionsMax,
    serverCapabilities: { maxSessions: connectionsMax },
    nodesets: [nodesets.standard],
    securityPolicies: [SecurityPolicy.Basic256Sha256],
    securityModes: [MessageSecurityMode.SignAndEncrypt],
    allowAnonymous: false,
    // GetEndpoints stays open, as clients learn the server's certificate by it (OPC 10000-4, 5.4.4); sessions do not.
    disableDiscovery: false,
    serverCertificateManager: lists.server,
    userCertificateManager: lists.users,
    serverInfo: {
      applicationUri,
      productUri: applicationUri,
      applicationName: { text: 'Millrace field', locale: 'en' },
    },
    buildInfo: { productName: 'Millrace field', manufacturerName: 'Millrace' },
    userManager: {
      isValidUser: (user: string, password: string) =>
        sameSecret(user, credentials.user) && sameSecret(password, credentials.password),
    },
  });
}

class PlantServer implements OpcUaServer {
  readonly paths: OpcUaPaths;
  readonly #options: OpcUaServerOptions;
  #server: OPCUAServer | undefined;
  #lists: TrustLists | undefined;
  #port: number;

  constructor(options: OpcUaServerOptions) {
    this.#options = options;
    this.#port = options.port;
    this.paths = opcUaPaths(options.pkiDir);
  }

  get port(): number {
    return this.#port;
  }

  get endpointUrl(): string {
    return `opc.tcp://${this.#options.host}:${this.#port}`;
  }

  stats() {
    return {
      sessions: this.#server?.engine.currentSessionCount ?? 0,
      subscriptions: this.#server?.engine.currentSubscriptionCount ?? 0,
    };
  }

  async start(): Promise<void> {
    const { logger, port, pkiDir } = this.#options;
    try {
      routeLibraryLog(logger);
      this.#lists = await trustLists(pkiDir);
      const server = buildServer(this.#options, this.#lists);
      this.#server = server;
      await server.initialize();
      const nodes = buildAddressSpace(server.engine.addressSpace!, this.#options);
      watchNotifications(server, nodes, this.#options.onServed);
      this.#warnOfRefusals(server);
      await server.start();
      // With port 0 the endpoint knows which one the system gave.
      this.#port = server.endpoints[0]?.port || port;
    } catch (error) {
      await this.stop().catch(() => {});
      throw cannotStart(this.#options, error);
    }
  }

  async stop(): Promise<void> {
    const server = this.#server;
    const lists = this.#lists;
    this.#server = undefined;
    this.#lists = undefined;
    await server?.shutdown(0);
    await lists?.server.dispose();
    await lists?.users.dispose();
  }

  #warnOfRefusals(server: OPCUAServer): void {
    server.on('openSecureChannelFailure', (socket) => {
      this.#options.logger.warn(
        `Refused an OPC UA client from ${socket.remoteAddress || 'an unknown address'}; if it is yours, move its certificate from ${this.paths.rejectedClientsDir} to ${this.paths.trustedClientsDir}.`,
      );
    });
  }
}

function cannotStart(options: OpcUaServerOptions, error: unknown): MillraceError {
  const { host, port } = options;
  const text = errorMessage(error);
  if (text.includes('EADDRINUSE'))
    return new MillraceError(
      'port_taken',
      `Port ${port} on ${host} is taken; choose another one for OPC UA or stop the program that uses it.`,
      { cause: error },
    );
  return new MillraceError('internal', `The OPC UA server cannot start on ${host}:${port}: ${text}.`, {
    cause: error,
  });
}
