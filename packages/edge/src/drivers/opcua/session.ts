import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { errorMessage, MillraceError } from '@millrace/foundation';
import {
  type ClientSession,
  MessageSecurityMode,
  OPCUACertificateManager,
  OPCUAClient,
  SecurityPolicy,
  setErrorLogger,
  setWarningLogger,
  type UserIdentityInfo,
  UserTokenType,
} from 'node-opcua';
import type { DriverContext } from '../driver.js';
import type { Config } from './config.js';

/** Three years, as the gateway's operational certificate. */
const certificateDays = 1095;

export interface Pki {
  readonly manager: OPCUACertificateManager;
  readonly ownCertificate: string;
  readonly ownKey: string;
  readonly rejectedDir: string;
}

/** Names this application in certificates and sessions. */
function applicationUri(gatewayName: string): string {
  return `urn:millrace:gateway:${gatewayName.replace('::', ':')}`;
}

/** Opens (at the first start makes) the certificate folder and puts the configured servers on the trust list. */
export async function openPki(
  context: Pick<DriverContext<Config>, 'config' | 'gatewayName' | 'resolvePath' | 'clock' | 'logger'>,
): Promise<Pki> {
  const { config, clock, logger, resolvePath, gatewayName } = context;
  const root = resolvePath(config.pki_dir);
  // The library writes to the console unless told otherwise.
  const debug = (...parts: unknown[]) => logger.debug(parts.map(String).join(' ').trim());
  setWarningLogger(debug);
  setErrorLogger(debug);
  const manager = new OPCUACertificateManager({
    rootFolder: root,
    automaticallyAcceptUnknownCertificate: false,
    keySize: 2048,
  });
  await manager.initialize();
  for (const path of config.trust) await trust(manager, resolvePath(path));
  const ownCertificate = join(root, 'own', 'certs', 'certificate.pem');
  if (!existsSync(ownCertificate)) {
    await manager.createSelfSignedCertificate({
      applicationUri: applicationUri(gatewayName),
      dns: [hostname()],
      outputFile: ownCertificate,
      subject: '/CN=Millrace gateway/O=Millrace',
      // A clock that runs behind the server's must not make the certificate "not valid yet" there.
      startDate: new Date(clock.nowMs() - 86_400_000),
      validity: certificateDays,
    });
    logger.info('Made the OPC UA certificate of this gateway; the server must trust it.', {
      file: ownCertificate,
    });
  }
  return { manager, ownCertificate, ownKey: manager.privateKey, rejectedDir: join(root, 'rejected') };
}

async function trust(manager: OPCUACertificateManager, file: string): Promise<void> {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(readFileSync(file));
  } catch (error) {
    throw new MillraceError(
      'certificate_invalid',
      `The trusted certificate ${file} cannot be read: ${errorMessage(error)}; give a PEM or DER file.`,
      { cause: error },
    );
  }
  await manager.trustCertificate(certificate.raw);
  if (certificate.ca) await manager.addIssuer(certificate.raw);
}

/** A client for one connection: after a loss it takes up the same session and subscriptions by itself. */
export function createClient(context: DriverContext<Config>, pki: Pki): OPCUAClient {
  const { config, gatewayName } = context;
  return OPCUAClient.create({
    applicationName: 'Millrace gateway',
    applicationUri: applicationUri(gatewayName),
    clientName: gatewayName,
    clientCertificateManager: pki.manager,
    certificateFile: pki.ownCertificate,
    privateKeyFile: pki.ownKey,
    securityMode: MessageSecurityMode[config.security],
    securityPolicy: config.security === 'None' ? SecurityPolicy.None : SecurityPolicy[config.policy],
    endpointMustExist: false,
    requestedSessionTimeout: config.session_timeout_s * 1000,
    // One try here: the driver's own loop decides when to try again and says why. After a loss the library
    // reconnects for as long as it is let.
    connectionStrategy: { maxRetry: 1, initialDelay: 200, maxDelay: 2000 },
    transportTimeout: 10_000,
    defaultTransactionTimeout: 10_000,
    keepSessionAlive: true,
  });
}

export async function createSession(
  client: OPCUAClient,
  context: DriverContext<Config>,
): Promise<ClientSession> {
  return client.createSession(identity(context));
}

function identity({ config, resolvePath }: DriverContext<Config>): UserIdentityInfo {
  if (config.user_certificate) {
    const certificate = new X509Certificate(readFileSync(resolvePath(config.user_certificate.certificate)));
    return {
      type: UserTokenType.Certificate,
      certificateData: certificate.raw,
      privateKey: readFileSync(resolvePath(config.user_certificate.key), 'utf8'),
    };
  }
  if (config.account_file === undefined) return { type: UserTokenType.Anonymous };
  const file = resolvePath(config.account_file);
  const account = readAccount(file);
  return { type: UserTokenType.UserName, userName: account.user, password: account.password };
}

function readAccount(file: string): { readonly user: string; readonly password: string } {
  let account: { user?: unknown; password?: unknown };
  try {
    account = JSON.parse(readFileSync(file, 'utf8')) as typeof account;
  } catch (error) {
    throw new MillraceError(
      'config_unreadable',
      `The account file ${file} cannot be read: ${errorMessage(error)}; write {"user": "...", "password": "..."}.`,
      { cause: error },
    );
  }
  const { user, password } = account;
  if (typeof user !== 'string' || typeof password !== 'string') {
    throw new MillraceError(
      'config_invalid',
      `The account file ${file} needs "user" and "password", both texts.`,
    );
  }
  return { user, password };
}
