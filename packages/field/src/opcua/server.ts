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

/** The first port node-opcua really listens on, which differs from the asked one when that was 0. */
function listeningPort(server: OPCUAServer, asked: number): number {
  return server.endpoints[0]?.port || asked;
}

/** node-opcua writes to the console unless told otherwise; its lines are for whoever debugs the protocol. */
function routeLibraryLog(logger: Logger): void {
  const to = (...parts: unknown[]) => logger.debug(parts.map(String).join(' ').trim());
  setWarningLogger(to);
  setErrorLogger(to);
}

/** An OPC UA server with one endpoint: SignAndEncrypt, Basic256Sha256, no anonymous users (OPC 10000-7). */
export function createOpcUaServer(options: OpcUaServerOptions): OpcUaServer {
  const { logger, credentials, pkiDir } = options;
  let server: OPCUAServer | undefined;
  let lists: Awaited<ReturnType<typeof trustLists>> | undefined;
  let port = options.port;

  async function build(): Promise<OPCUAServer> {
    routeLibraryLog(logger);
    lists = await trustLists(pkiDir);
    const made = new OPCUAServer({
      port: options.port,
      host: options.host,
      // What clients are told to connect to must be an address they can reach.
      hostname: options.host === '0.0.0.0' || options.host === '::' ? undefined : options.host,
      maxConnectionsPerEndpoint: connectionsMax,
      serverCapabilities: { maxSessions: connectionsMax },
      nodesets: [nodesets.standard],
      securityPolicies: [SecurityPolicy.Basic256Sha256],
      securityModes: [MessageSecurityMode.SignAndEncrypt],
      allowAnonymous: false,
      // GetEndpoints stays open, as clients learn the server's certificate by it (OPC 10000-4, 5.4.4); sessions do not.
      disableDiscovery: false,
      alternateHostname: [...new Set(['localhost', '127.0.0.1', options.host])],
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
    } as ConstructorParameters<typeof OPCUAServer>[0]);
    await made.initialize();
    return made;
  }

  function fail(error: unknown): never {
    const text = errorMessage(error);
    if (text.includes('EADDRINUSE'))
      throw new MillraceError(
        'port_taken',
        `Port ${options.port} on ${options.host} is taken; choose another one for OPC UA or stop the program that uses it.`,
        { cause: error },
      );
    throw new MillraceError(
      'internal',
      `The OPC UA server cannot start on ${options.host}:${options.port}: ${text}.`,
      { cause: error },
    );
  }

  async function stop(): Promise<void> {
    const closing = server;
    server = undefined;
    if (closing) await closing.shutdown(0);
    const old = lists;
    lists = undefined;
    await old?.server.dispose();
    await old?.users.dispose();
  }

  return {
    get port() {
      return port;
    },
    get endpointUrl() {
      return `opc.tcp://${options.host}:${port}`;
    },
    paths: opcUaPaths(pkiDir),
    async start() {
      try {
        server = await build();
        const nodes = buildAddressSpace(server.engine.addressSpace!, options);
        watchNotifications(server, nodes, options.onServed);
        await server.start();
        port = listeningPort(server, options.port);
        logger.debug(`OPC UA answers on port ${port}.`);
      } catch (error) {
        await stop().catch(() => {});
        fail(error);
      }
    },
    stop,
    stats: () => ({
      sessions: server?.engine.currentSessionCount ?? 0,
      subscriptions: server?.engine.currentSubscriptionCount ?? 0,
    }),
  };
}
