import { X509Certificate } from 'node:crypto';
import { errorMessage, MillraceError } from '@millrace/foundation';
import type { TlsMaterial } from './listener.js';

interface Revocations {
  /** The issuer's name as DER, as in its certificates. */
  readonly issuer: Buffer;
  /** Serial numbers, lower-case hex without leading zeros. */
  readonly serials: ReadonlySet<string>;
}

/**
 * Whether a certificate shown at a handshake is still good. TLS asks that once, when a connection opens; this asks
 * again when the CA or a revocation list changes, so that a revoked client does not stay until it reconnects.
 */
export class Trust {
  readonly #authorities: readonly X509Certificate[];
  readonly #revocations: readonly Revocations[];

  constructor(tls: Pick<TlsMaterial, 'ca' | 'crl'>) {
    this.#authorities = blocks(tls.ca, 'CERTIFICATE').map((der) => new X509Certificate(der));
    this.#revocations = (tls.crl ?? []).flatMap((pem) =>
      blocks(pem, 'X509 CRL').map((der) => readRevocations(der)),
    );
  }

  /** Why the certificate is refused; undefined when it is good. */
  refuses(certificate: X509Certificate): string | undefined {
    const chain = chainOf(certificate);
    for (const one of chain) {
      if (this.#isRevoked(one)) return 'the client certificate is revoked';
    }
    const trusted = chain.some((one) =>
      this.#authorities.some(
        (ca) => ca.fingerprint256 === one.fingerprint256 || (one.checkIssued(ca) && one.verify(ca.publicKey)),
      ),
    );
    return trusted ? undefined : 'the client certificate is not trusted any more';
  }

  #isRevoked(certificate: X509Certificate): boolean {
    if (this.#revocations.length === 0) return false;
    const issuer = issuerOf(certificate.raw);
    const serial = plainSerial(certificate.serialNumber);
    return this.#revocations.some((list) => list.serials.has(serial) && list.issuer.equals(issuer));
  }
}

function chainOf(leaf: X509Certificate): X509Certificate[] {
  const chain: X509Certificate[] = [];
  const seen = new Set<string>();
  for (let one: X509Certificate | undefined = leaf; one; one = one.issuerCertificate) {
    if (seen.has(one.fingerprint256)) break;
    seen.add(one.fingerprint256);
    chain.push(one);
  }
  return chain;
}

function plainSerial(hex: string): string {
  return hex.toLowerCase().replace(/^0+(?=.)/, '');
}

function blocks(pem: string, label: string): Buffer[] {
  const pattern = new RegExp(`-----BEGIN ${label}-----([^-]+)-----END ${label}-----`, 'g');
  return [...pem.matchAll(pattern)].map((match) => Buffer.from(match[1]!, 'base64'));
}

interface Element {
  readonly tag: number;
  readonly start: number;
  readonly contentStart: number;
  readonly end: number;
}

/** One DER element (X.690, 8.1): a tag of one byte, a definite length, the content. */
function element(bytes: Buffer, at: number, limit: number): Element {
  const tag = bytes[at];
  let length = bytes[at + 1];
  let contentStart = at + 2;
  if (tag === undefined || length === undefined) throw new Error('it ends too early');
  if (length >= 0x80) {
    const count = length & 0x7f;
    if (count === 0 || count > 4 || contentStart + count > limit) throw new Error('a length is malformed');
    length = bytes.readUIntBE(contentStart, count);
    contentStart += count;
  }
  const end = contentStart + length;
  if (end > limit) throw new Error('an element is longer than its parent');
  return { tag, start: at, contentStart, end };
}

function children(bytes: Buffer, parent: Element): Element[] {
  const found: Element[] = [];
  for (let at = parent.contentStart; at < parent.end; ) {
    const child = element(bytes, at, parent.end);
    found.push(child);
    at = child.end;
  }
  return found;
}

/** The issuer of a certificate: RFC 5280, 4.1: [version] serial signature issuer. */
function issuerOf(certificate: Buffer): Buffer {
  const [body] = children(certificate, element(certificate, 0, certificate.length));
  const fields = children(certificate, body!);
  const issuer = fields[fields[0]!.tag === 0xa0 ? 3 : 2]!;
  return certificate.subarray(issuer.start, issuer.end);
}

/** RFC 5280, 5.1: [version] signature issuer thisUpdate [nextUpdate] [revokedCertificates] ... */
function readRevocations(list: Buffer): Revocations {
  try {
    const [body] = children(list, element(list, 0, list.length));
    const fields = children(list, body!);
    const first = fields[0]!.tag === 0x02 ? 1 : 0;
    const issuer = fields[first + 1]!;
    // After the issuer and the times, the only SEQUENCE is the list of the revoked.
    const revoked = fields.slice(first + 2).find((field) => field.tag === 0x30);
    const serials = new Set<string>();
    for (const entry of revoked ? children(list, revoked) : []) {
      const serial = element(list, entry.contentStart, entry.end);
      serials.add(plainSerial(list.toString('hex', serial.contentStart, serial.end)));
    }
    return { issuer: list.subarray(issuer.start, issuer.end), serials };
  } catch (error) {
    throw new MillraceError(
      'certificate_invalid',
      `A certificate revocation list cannot be read: ${errorMessage(error)}.`,
      { cause: error },
    );
  }
}
