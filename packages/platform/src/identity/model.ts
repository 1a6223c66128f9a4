import { parseTopic, type TopicClass } from '@millrace/contracts';

/** A certificate as the register of identities knows it; times in ms. */
export interface CertificateRecord {
  readonly serial: string;
  readonly tenantId: number;
  readonly deviceNo: number;
  readonly commonName: string;
  readonly fingerprint256: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly revokedAt: number | null;
  /** Rate watch of this client; null = 1,000 a device spoken for. */
  readonly messagesPerMinuteAlert: number | null;
}

const dayMs = 86_400_000;

/** Where a certificate is in its life; expiring = less than 30 days left (ID-4). */
export function certificateState(
  certificate: Pick<CertificateRecord, 'revokedAt' | 'notAfter'>,
  nowMs: number,
): 'active' | 'expiring' | 'expired' | 'revoked' {
  if (certificate.revokedAt !== null) return 'revoked';
  if (certificate.notAfter <= nowMs) return 'expired';
  return certificate.notAfter - nowMs < 30 * dayMs ? 'expiring' : 'active';
}

/** What a device says, by class; the rest of the topic must fit. */
const published: Readonly<Partial<Record<TopicClass, (rest: readonly string[]) => boolean>>> = {
  telemetry: (rest) => rest.length <= 1,
  status: (rest) => rest.length === 0,
  events: (rest) => rest.length === 0,
  commands: (rest) => rest.length === 2 && rest[1] === 'ack',
  config: (rest) => rest.length === 1 && rest[0] === 'reported',
  ota: (rest) => rest.length === 1 && rest[0] === 'status',
  diagnostics: () => true,
  waveform: () => true,
};

/** The device prefix of a topic that a device may publish; undefined when no device may. */
export function publishPrefix(topic: string): string | undefined {
  const parsed = parseTopic(topic);
  if (parsed === undefined || published[parsed.class]?.(parsed.rest) !== true) return undefined;
  return topic.split('/', 6).join('/');
}

/** What follows a device's own prefix in a filter that it may subscribe (PR-6). */
const subscribed =
  /^(commands\/(\+|[^/+#]+)|config\/desired|ota\/notification|diagnostics\/(requests?(\/(\+|#|[^/+#]+))?))$/;

/** The device prefix of a filter that a device may subscribe; undefined when none may. Wildcards never span devices. */
export function subscribePrefix(filter: string): string | undefined {
  const parts = filter.split('/');
  const prefix = parts.slice(0, 6).join('/');
  if (parts.length < 7 || /[+#$]/.test(prefix)) return undefined;
  return subscribed.test(parts.slice(6).join('/')) ? prefix : undefined;
}
