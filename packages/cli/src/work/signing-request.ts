import { generateKeyPairSync, sign } from 'node:crypto';

export interface KeyAndRequest {
  /** PKCS #8 PEM. */
  readonly key: string;
  /** PKCS #10 PEM. */
  readonly request: string;
}

const oidCommonName = Buffer.from('0603550403', 'hex');
const oidEcdsaWithSha256 = Buffer.from('06082a8648ce3d040302', 'hex');

/**
 * A new EC P-256 key and a signing request (RFC 2986) whose subject is only `CN=<commonName>`. Written here by hand
 * because it is forty bytes of structure around what Node's crypto already gives, and needs no X.509 library.
 */
export function createSigningRequest(commonName: string): KeyAndRequest {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = der(0x30, der(0x31, der(0x30, oidCommonName, der(0x0c, Buffer.from(commonName, 'utf8')))));
  const version = der(0x02, Buffer.from([0]));
  const keyInfo = publicKey.export({ type: 'spki', format: 'der' });
  // RFC 2986 4.1: attributes are [0] IMPLICIT SET, present even when empty.
  const info = der(0x30, version, name, keyInfo, der(0xa0));
  const signature = der(0x03, Buffer.from([0]), sign('sha256', info, privateKey));
  const request = der(0x30, info, der(0x30, oidEcdsaWithSha256), signature);
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    request: pem('CERTIFICATE REQUEST', request),
  };
}

/** One DER element: tag, definite length (X.690 8.1.3), contents. */
function der(tag: number, ...contents: Buffer[]): Buffer {
  const body = Buffer.concat(contents);
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const digits = body.length.toString(16);
  const length = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, body]);
}

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
