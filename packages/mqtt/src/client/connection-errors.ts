import { errorMessage, MillraceError } from '@millrace/foundation';

/**
 * One sentence for each way a connection to a broker fails: which side refused, why, and what to do. The codes are
 * those of Node's `tls` and of OpenSSL's alerts; in an alert it is the other side that judged our certificate.
 */
const sentences: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there; start the platform or correct the address',
  ENOTFOUND: 'the host name is not known to DNS; correct the address or the name server',
  EAI_AGAIN: 'DNS gives no answer at the moment; it is tried again',
  ETIMEDOUT: 'the host does not answer; look at the network and the firewall',
  EHOSTUNREACH: 'there is no route to the host; look at the network',
  ECONNRESET: 'the broker closed the connection',
  EPIPE: 'the broker closed the connection',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "this side rejected the broker's certificate because the configured CA did not sign it; give the CA file of that platform",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    "this side rejected the broker's certificate because its issuer is not in the CA file; give the CA file of that platform",
  SELF_SIGNED_CERT_IN_CHAIN:
    "this side rejected the broker's certificate because its root is not in the CA file; give the CA file of that platform",
  DEPTH_ZERO_SELF_SIGNED_CERT:
    "this side rejected the broker's self-signed certificate; give it, or the CA that signed it, as CA file",
  CERT_SIGNATURE_FAILURE:
    "this side rejected the broker's certificate because its signature is wrong; the CA file belongs to another platform of that name",
  CERT_HAS_EXPIRED:
    "this side rejected the broker's certificate because it has expired; renew it, or set this clock",
  CERT_NOT_YET_VALID:
    "this side rejected the broker's certificate because it is not valid yet; this machine's clock is probably wrong",
  ERR_TLS_CERT_ALTNAME_INVALID:
    "this side rejected the broker's certificate because it was issued for another host name; use a name the certificate lists",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    'the broker asks for a client certificate and got none; configure certificate and key',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE:
    'the broker refused the handshake; it needs TLS 1.3 and a client certificate',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE:
    'the broker rejected our certificate; have it issued again by that platform',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA:
    'the broker rejected our certificate because its CA did not issue it; have it issued by that platform',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    'the broker rejected our certificate; have it issued again by that platform',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    'the broker rejected our certificate because it has expired; renew it',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED:
    'the broker rejected our certificate because it was revoked; ask the platform team for a new one',
  ERR_OSSL_X509_KEY_VALUES_MISMATCH:
    'the key file does not belong to the certificate file; give the matching pair',
  ERR_OSSL_PEM_NO_START_LINE: 'a certificate or key file is not PEM; look for a truncated or empty file',
};

/** The failure as a product error with one clear sentence; `where` is the broker's address. */
export function explainConnectionError(error: unknown, where: string): MillraceError {
  if (error instanceof MillraceError) return error;
  const code = codeOf(error);
  const sentence = code === undefined ? undefined : sentences[code];
  const message = `Broker ${where}: ${sentence ?? errorMessage(error)}.`;
  const ours = code !== undefined && /CERT|SSL|X509|PEM|SIGNATURE/.test(code);
  return new MillraceError(ours ? 'certificate_invalid' : 'uplink_unavailable', message, {
    cause: error,
    details: { where, ...(code === undefined ? {} : { code }) },
  });
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  // A name with several addresses fails as one AggregateError; its members agree in all but rare cases.
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  const code = (first as { code?: unknown }).code;
  return typeof code === 'string' ? code : undefined;
}

/** CONNACK reason codes that a person must act on (MQTT 5, 3.2.2.2). */
export function explainConnack(
  reasonCode: number,
  where: string,
  reasonString: string | undefined,
): MillraceError {
  const why: Readonly<Record<number, string>> = {
    132: 'it does not speak this protocol version',
    133: 'the client id is not valid',
    134: 'the user name or password is wrong',
    135: 'this client is not authorised; its certificate name must equal its client id and be registered',
    136: 'it is not available now',
    137: 'it is busy',
    138: 'this client is banned',
    151: 'a quota is exceeded',
    159: 'too many connections a second',
  };
  const text = reasonString ?? why[reasonCode] ?? 'it gave no reason';
  return new MillraceError(
    reasonCode === 0x88 || reasonCode === 0x89 ? 'uplink_unavailable' : 'uplink_refused',
    `Broker ${where} refused the connection (reason 0x${reasonCode.toString(16)}): ${text}.`,
    { details: { where, reasonCode } },
  );
}
