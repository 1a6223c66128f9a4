import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessage, MillraceError } from '@millrace/foundation';
import { TrustList } from './trust-list.js';

/** Where the server keeps its keys and looks for those it trusts. */
export interface OpcUaPaths {
  /** PEM file of the server's certificate: clients put it into their trust list. */
  readonly serverCertificateFile: string;
  /** Folder for certificates of client applications the server shall trust; watched while it runs. */
  readonly trustedClientsDir: string;
  /** Folder where certificates of refused client applications land, for an operator to move. */
  readonly rejectedClientsDir: string;
  /** Folder for certificates of people or programs that may sign in by certificate. */
  readonly trustedUsersDir: string;
  /** JSON file {user, password} of the account that may sign in by password; mode 0600. */
  readonly credentialsFile: string;
}

export interface OpcUaCredentials {
  readonly user: string;
  readonly password: string;
}

/** The files of the server below `pkiDir`. */
export function opcUaPaths(pkiDir: string): OpcUaPaths {
  return {
    serverCertificateFile: join(pkiDir, 'server', 'own', 'certs', 'certificate.pem'),
    trustedClientsDir: join(pkiDir, 'server', 'trusted', 'certs'),
    rejectedClientsDir: join(pkiDir, 'server', 'rejected'),
    trustedUsersDir: join(pkiDir, 'users', 'trusted', 'certs'),
    credentialsFile: join(pkiDir, 'credentials.json'),
  };
}

/** The account in `pkiDir/credentials.json`; made with a random password on the first start. */
export async function loadCredentials(pkiDir: string): Promise<OpcUaCredentials> {
  const file = opcUaPaths(pkiDir).credentialsFile;
  try {
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined) {
      const made = { user: 'gateway', password: randomBytes(18).toString('base64url') };
      await mkdir(pkiDir, { recursive: true, mode: 0o700 });
      await writeFile(file, `${JSON.stringify(made, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
      return made;
    }
    const { user, password } = JSON.parse(text) as Partial<OpcUaCredentials>;
    if (typeof user !== 'string' || typeof password !== 'string' || user === '' || password.length < 8)
      throw new Error('it needs "user" and "password" (8 characters or more)');
    return { user, password };
  } catch (error) {
    throw new MillraceError(
      'config_unreadable',
      `Cannot use the OPC UA account file ${file} (${errorMessage(error)}); mend or delete it, a new one is made at the next start.`,
      { cause: error },
    );
  }
}

/** Compares in constant time, whatever the lengths. */
export function sameSecret(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

/** The two trust lists: client applications and users. Nobody is trusted unseen. */
export async function trustLists(pkiDir: string) {
  const list = (name: string) =>
    new TrustList({
      rootFolder: join(pkiDir, name),
      automaticallyAcceptUnknownCertificate: false,
      keySize: 2048,
    });
  const server = list('server');
  const users = list('users');
  await server.initialize();
  await users.initialize();
  return { server, users };
}
