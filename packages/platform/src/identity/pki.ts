import { X509Certificate } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type Clock, errorMessage, type Logger, MillraceError } from '@millrace/foundation';
import {
  algorithm,
  type CryptoKey,
  dayMs,
  keyPem,
  newKeys,
  newSerial,
  readKey,
  x509,
  yearMs,
} from './crypto.js';

const serverAuth = '1.3.6.1.5.5.7.3.1';
const clientAuth = '1.3.6.1.5.5.7.3.2';

/** How long each kind of certificate lives (ID-1). */
export const lifetimesMs = {
  root: 20 * yearMs,
  operations: 5 * yearMs,
  gateway: 3 * yearMs,
  device: yearMs,
  service: yearMs,
} as const;
/** A service certificate is made anew when less than this is left. */
export const renewBeforeMs = 60 * dayMs;
/** Clocks of devices lag; certificates are valid from a little earlier. */
const backdateMs = 5 * 60_000;

export interface IssuedCertificate {
  readonly serial: string;
  readonly commonName: string;
  readonly fingerprint256: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly pem: string;
}

interface Authority {
  readonly certificate: x509.X509Certificate;
  readonly key: CryptoKey;
}

/** PEM texts of the broker's TLS listener: `ca` verifies clients, less those that `crl` revokes. */
export interface ServiceTls {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  readonly crl: readonly string[];
}

/**
 * The PKI of one platform, in `<dataDir>/pki`: an offline root that signs only the operations CA, the operations CA,
 * and the service certificate of the broker's listener. Keys have mode 0600. The root's key can be taken away once
 * the operations CA exists; it is needed again only to make the next one.
 */
export class Pki {
  readonly #dir: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #hosts: readonly string[];
  #operations: Authority | undefined;
  #rootPem = '';
  #service: { cert: string; key: string } | undefined;

  constructor(options: {
    dataDir: string;
    clock: Clock;
    logger: Logger;
    /** Further names and addresses of the listener. */
    hosts?: readonly string[];
  }) {
    this.#dir = join(options.dataDir, 'pki');
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#hosts = [...new Set(['localhost', '127.0.0.1', '::1', hostname(), ...(options.hosts ?? [])])];
  }

  /** Loads what is there and makes what is missing or about to expire. Throws `certificate_invalid`. */
  async open(): Promise<void> {
    try {
      mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
      if (this.#has('operations')) this.#operations = await this.#read('operations');
      else await this.#createAuthorities();
      this.#rootPem = readFileSync(join(this.#dir, 'root.pem'), 'utf8');
      this.#assertValid();
      await this.#openService();
    } catch (cause) {
      if (cause instanceof MillraceError) throw cause;
      throw new MillraceError(
        'certificate_invalid',
        `The PKI in ${this.#dir} cannot be used (${errorMessage(cause)}): restore that folder from a backup.`,
        { cause },
      );
    }
  }

  /** The root certificate as PEM: what clients trust. */
  get rootPem(): string {
    return this.#rootPem;
  }

  /** Operations CA as PEM. */
  get operationsPem(): string {
    return pemOf(this.#authority().certificate);
  }

  /** For the broker's listener. */
  get serviceTls(): ServiceTls {
    if (this.#service === undefined) throw new MillraceError('stopped', 'The PKI is not open.');
    return {
      cert: this.#service.cert + this.operationsPem,
      key: this.#service.key,
      ca: this.operationsPem + this.#rootPem + this.#folder('trusted').join(''),
      crl: this.#folder('crl'),
    };
  }

  /**
   * PEM files of a folder that people may fill: `trusted` with further CAs of clients (a CA roll-over), `crl` with
   * revocation lists (label `X509 CRL`). With a list, TLS wants one of every CA in a client's chain.
   */
  #folder(name: 'trusted' | 'crl'): string[] {
    const dir = join(this.#dir, name);
    if (!existsSync(dir)) return [];
    return readdirSync(dir)
      .filter((file) => file.endsWith('.pem'))
      .sort()
      .map((file) => readFileSync(join(dir, file), 'utf8'));
  }

  /**
   * Certifies the key of a signing request for an identity. The request's subject must be the common name or the
   * bare device id; everything but the key is decided here. Throws `invalid_argument`.
   */
  async issueFromRequest(
    csrPem: string,
    commonName: string,
    deviceId: string,
    kind: 'device' | 'gateway',
  ): Promise<IssuedCertificate> {
    let request: x509.Pkcs10CertificateRequest;
    let genuine = false;
    try {
      request = new x509.Pkcs10CertificateRequest(csrPem);
      genuine = await request.verify();
    } catch (cause) {
      throw new MillraceError('invalid_argument', 'csr is not a PKCS #10 signing request in PEM.', { cause });
    }
    if (!genuine)
      throw new MillraceError('invalid_argument', 'The signature of csr does not fit its own public key.');
    const names = request.subjectName.getField('CN');
    if (names.length !== 1 || (names[0] !== commonName && names[0] !== deviceId))
      throw new MillraceError(
        'invalid_argument',
        `The subject of csr must have exactly one CN, "${commonName}" or "${deviceId}".`,
      );
    const key = request.publicKey.algorithm as { name?: string; namedCurve?: string };
    if (key.name !== 'ECDSA' || key.namedCurve !== 'P-256')
      throw new MillraceError('invalid_argument', 'The key of csr must be EC P-256.');
    return this.#issue(commonName, await request.publicKey.export(), lifetimesMs[kind], [clientAuth], []);
  }

  /** Makes a key and certifies it; for use on this machine only, as the key leaves in clear. */
  async issueWithKey(
    commonName: string,
    kind: 'device' | 'gateway',
  ): Promise<IssuedCertificate & { keyPem: string }> {
    const keys = await newKeys();
    const issued = await this.#issue(commonName, keys.publicKey, lifetimesMs[kind], [clientAuth], []);
    return { ...issued, keyPem: await keyPem(keys.privateKey) };
  }

  async #issue(
    commonName: string,
    publicKey: CryptoKey,
    lifeMs: number,
    uses: readonly string[],
    hosts: readonly string[],
  ): Promise<IssuedCertificate> {
    const authority = this.#authority();
    const now = this.#clock.nowMs();
    const end = Math.min(now + lifeMs, authority.certificate.notAfter.getTime());
    const serial = newSerial();
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serial,
      subject: [{ CN: [commonName] }],
      issuer: authority.certificate.subject,
      notBefore: new Date(now - backdateMs),
      notAfter: new Date(end),
      signingAlgorithm: algorithm,
      publicKey,
      signingKey: authority.key,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([...uses], false),
        await x509.SubjectKeyIdentifierExtension.create(publicKey),
        await x509.AuthorityKeyIdentifierExtension.create(authority.certificate.publicKey),
        ...(hosts.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(hosts.map(alternativeName))]),
      ],
    });
    const pem = pemOf(certificate);
    return {
      serial,
      commonName,
      fingerprint256: new X509Certificate(pem).fingerprint256,
      notBefore: certificate.notBefore.getTime(),
      notAfter: certificate.notAfter.getTime(),
      pem,
    };
  }

  async #createAuthorities(): Promise<void> {
    const root = await this.#createAuthority('Millrace Root CA', lifetimesMs.root, undefined, 1);
    await this.#write('root', root);
    const operations = await this.#createAuthority('Millrace Operations CA', lifetimesMs.operations, root, 0);
    await this.#write('operations', operations);
    this.#operations = operations;
    this.#logger.info('Made a root CA and an operations CA.', { dir: this.#dir });
  }

  async #createAuthority(
    commonName: string,
    lifeMs: number,
    issuer: Authority | undefined,
    pathLength: number,
  ): Promise<Authority> {
    const keys = await newKeys();
    const now = this.#clock.nowMs();
    const subject = [{ CN: [commonName] }, { O: ['Millrace'] }];
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: newSerial(),
      subject,
      issuer: issuer?.certificate.subject ?? subject,
      notBefore: new Date(now - backdateMs),
      notAfter: new Date(now + lifeMs),
      signingAlgorithm: algorithm,
      publicKey: keys.publicKey,
      signingKey: issuer?.key ?? keys.privateKey,
      extensions: [
        new x509.BasicConstraintsExtension(true, pathLength, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
        await x509.AuthorityKeyIdentifierExtension.create(issuer?.certificate.publicKey ?? keys.publicKey),
      ],
    });
    return { certificate, key: keys.privateKey };
  }

  async #openService(): Promise<void> {
    if (this.#has('service')) {
      const cert = readFileSync(join(this.#dir, 'service.pem'), 'utf8');
      const parsed = new X509Certificate(cert);
      const covers = this.#hosts.every((host) =>
        isAddress(host) ? parsed.checkIP(host) !== undefined : parsed.checkHost(host) !== undefined,
      );
      const ours = parsed.verify(new X509Certificate(this.operationsPem).publicKey);
      if (covers && ours && Date.parse(parsed.validTo) - this.#clock.nowMs() > renewBeforeMs) {
        this.#service = { cert, key: readFileSync(join(this.#dir, 'service-key.pem'), 'utf8') };
        return;
      }
    }
    const keys = await newKeys();
    const issued = await this.#issue(
      'Millrace broker',
      keys.publicKey,
      lifetimesMs.service,
      [serverAuth],
      this.#hosts,
    );
    const key = await keyPem(keys.privateKey);
    this.#save('service-key.pem', key, 0o600);
    this.#save('service.pem', issued.pem, 0o644);
    this.#service = { cert: issued.pem, key };
    this.#logger.info('Made the certificate of the broker listener.', { hosts: this.#hosts });
  }

  #assertValid(): void {
    const left = this.#authority().certificate.notAfter.getTime() - this.#clock.nowMs();
    if (left <= 0)
      throw new MillraceError(
        'certificate_invalid',
        `The operations CA in ${this.#dir} has expired: bring back root-key.pem, remove operations.pem and operations-key.pem, and start again.`,
      );
    if (left < yearMs)
      this.#logger.warn('The operations CA expires within a year.', { daysLeft: Math.floor(left / dayMs) });
  }

  #authority(): Authority {
    if (this.#operations === undefined) throw new MillraceError('stopped', 'The PKI is not open.');
    return this.#operations;
  }

  #has(name: string): boolean {
    return existsSync(join(this.#dir, `${name}.pem`)) && existsSync(join(this.#dir, `${name}-key.pem`));
  }

  async #read(name: string): Promise<Authority> {
    const certificate = new x509.X509Certificate(readFileSync(join(this.#dir, `${name}.pem`), 'utf8'));
    const key = await readKey(readFileSync(join(this.#dir, `${name}-key.pem`), 'utf8'));
    return { certificate, key };
  }

  async #write(name: string, authority: Authority): Promise<void> {
    this.#save(`${name}-key.pem`, await keyPem(authority.key), 0o600);
    this.#save(`${name}.pem`, pemOf(authority.certificate), 0o644);
  }

  /** Written beside and renamed, so that a crash leaves no half file. */
  #save(name: string, text: string, mode: number): void {
    const file = join(this.#dir, name);
    writeFileSync(`${file}.new`, text, { mode });
    chmodSync(`${file}.new`, mode);
    renameSync(`${file}.new`, file);
  }
}

function pemOf(certificate: x509.X509Certificate): string {
  const text = certificate.toString('pem');
  return text.endsWith('\n') ? text : `${text}\n`;
}

function isAddress(host: string): boolean {
  return host.includes(':') || /^\d+(\.\d+){3}$/.test(host);
}

function alternativeName(host: string): x509.JsonGeneralName {
  return { type: isAddress(host) ? 'ip' : 'dns', value: host };
}
