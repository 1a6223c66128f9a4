import { errorMessage } from '@millrace/foundation';

/**
 * One sentence for a connection that failed: which side refused, why, and what to do. OPC UA names both sides'
 * certificate troubles alike, so the words differ by where the text came from.
 */
export function explain(
  error: unknown,
  url: string,
  paths: { readonly own: string; readonly rejected: string },
): string {
  const text = errorMessage(error);
  const has = (...words: string[]) => words.some((word) => text.includes(word));
  if (has('BadUserAccessDenied', 'BadIdentityTokenRejected', 'BadIdentityTokenInvalid')) {
    return `${url} refused the user; look at account_file or user_certificate`;
  }
  if (has('ECONNREFUSED', 'ENOTFOUND', 'ETIMEDOUT', 'EHOSTUNREACH', 'connection refused')) {
    return `${url} cannot be reached (${shorten(text)})`;
  }
  if (
    has('rejected by server', 'BadSecurityChecksFailed') &&
    !has('server Certificate', 'serverCertificate')
  ) {
    return `${url} rejected the gateway's certificate; have the server trust ${paths.own}`;
  }
  if (has('BadCertificateUntrusted', 'BadCertificateUnknown', 'erver certificate', 'ertificate')) {
    return `this gateway does not trust the certificate of ${url}; list the server's certificate file under trust (it was put into ${paths.rejected})`;
  }
  if (has('endpoint')) {
    return `${url} offers no endpoint with this security and policy; change security, policy or the server (${shorten(text)})`;
  }
  return `${url}: ${shorten(text)}`;
}

function shorten(text: string): string {
  return (text.split('\n')[0] ?? text).slice(0, 200);
}
