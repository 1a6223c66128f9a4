import { parseClientId } from '@millrace/contracts';
import type { Clock, Logger } from '@millrace/foundation';
import type {
  Authenticator,
  Authorizer,
  ConnectDecision,
  ConnectRequest,
  FrontDoorEvent,
  FrontDoorObserver,
  Principal,
} from '@millrace/mqtt';
import type { Directory } from '../registry/directory.js';
import { publishPrefix, subscribePrefix } from './model.js';
import type { IdentityService } from './service.js';

/** CONNACK reason codes (MQTT 5, 3.2.2.2). */
const clientIdNotValid = 0x85;
const notAuthorized = 0x87;

export const messagesPerMinuteEach = 1000;

/** Lets in who shows a certificate of ours that is neither revoked nor expired, as the device it names (ID-3). */
export class CertificateAuthenticator implements Authenticator {
  readonly #identity: IdentityService;
  readonly #directory: Directory;
  readonly #clock: Clock;

  constructor(identity: IdentityService, directory: Directory, clock: Clock) {
    this.#identity = identity;
    this.#directory = directory;
    this.#clock = clock;
  }

  async authenticate(request: ConnectRequest): Promise<ConnectDecision> {
    const shown = request.certificate;
    if (shown === undefined) return refuse(notAuthorized, 'no client certificate was shown');
    if (shown.commonName !== request.clientId)
      return refuse(clientIdNotValid, `the client id must be the certificate's CN, ${shown.commonName}`);
    const known = this.#identity.bySerial(shown.serial);
    if (known === undefined || !sameFingerprint(known.fingerprint256, shown.fingerprint256))
      return refuse(notAuthorized, 'the certificate is not one of this platform');
    if (known.revokedAt !== null) return refuse(notAuthorized, 'the certificate is revoked');
    const now = this.#clock.nowMs();
    if (now >= known.notAfter || now < known.notBefore)
      return refuse(notAuthorized, 'the certificate is not valid at this time');
    const device = this.#directory.byNo(known.deviceNo);
    const tenant = this.#directory.tenantByNo(known.tenantId);
    if (device === undefined || tenant === undefined || known.commonName !== shown.commonName)
      return refuse(notAuthorized, 'the device is not registered');
    if (device.gatewayDeviceId !== null)
      return refuse(notAuthorized, `gateway ${device.gatewayDeviceId} speaks for this device`);
    const spokenFor = 1 + this.#directory.childrenOf(device.tenantId, device.deviceId).length;
    return {
      ok: true,
      principal: {
        clientId: request.clientId,
        tenant: tenant.slug,
        certificateSerial: known.serial,
        messagesPerMinuteAlert: known.messagesPerMinuteAlert ?? messagesPerMinuteEach * spokenFor,
      },
    };
  }
}

/** A client's rights: its own prefix and those of the devices it is registered to speak for, nothing else. */
export class PrefixAuthorizer implements Authorizer {
  readonly #directory: Directory;

  constructor(directory: Directory) {
    this.#directory = directory;
  }

  mayPublish(principal: Principal, topic: string): boolean {
    return this.#speaksFor(principal, publishPrefix(topic));
  }

  maySubscribe(principal: Principal, filter: string): boolean {
    return this.#speaksFor(principal, subscribePrefix(filter));
  }

  #speaksFor(principal: Principal, prefix: string | undefined): boolean {
    if (prefix === undefined) return false;
    const device = this.#directory.lookup(prefix);
    const speaker = parseClientId(principal.clientId);
    if (device === undefined || speaker === undefined) return false;
    if (device.tenantId !== this.#directory.tenantId(principal.tenant)) return false;
    return device.deviceId === speaker.deviceId || device.gatewayDeviceId === speaker.deviceId;
  }
}

/** Logs and counts what the broker tells, and hands connections and their ends on. */
export class FrontDoorLog implements FrontDoorObserver {
  readonly counts = new Map<FrontDoorEvent['type'], number>();
  readonly #logger: Logger;
  readonly #listener: (event: FrontDoorEvent) => void;

  constructor(logger: Logger, listener: (event: FrontDoorEvent) => void) {
    this.#logger = logger;
    this.#listener = listener;
  }

  on(event: FrontDoorEvent): void {
    this.counts.set(event.type, (this.counts.get(event.type) ?? 0) + 1);
    const serial =
      'principal' in event
        ? event.principal.certificateSerial
        : 'certificateSerial' in event
          ? event.certificateSerial
          : undefined;
    const { type, ...fields } = event;
    const flat = {
      ...fields,
      ...('principal' in event ? { principal: event.principal.clientId } : {}),
      certificateSerial: serial,
    };
    if (type === 'connected' || type === 'disconnected') this.#logger.info(`MQTT client ${type}.`, flat);
    else this.#logger.warn(`MQTT: ${type.replaceAll('_', ' ')}.`, flat);
    this.#listener(event);
  }
}

function refuse(reasonCode: number, reason: string): ConnectDecision {
  return { ok: false, reasonCode, reason };
}

function sameFingerprint(a: string, b: string): boolean {
  const plain = (text: string) => text.replaceAll(':', '').toLowerCase();
  return plain(a) === plain(b);
}
