import { type Authenticator, type Authorizer, type FrontDoorObserver, ReasonCode } from '@millrace/mqtt';

/** Lets every client in, for a broker that runs alone on loopback (`millrace broker --allow-anonymous`). */
export const openAuthenticator: Authenticator = {
  authenticate: async ({ clientId }) => ({
    ok: true,
    principal: {
      clientId,
      tenant: '',
      certificateSerial: undefined,
      messagesPerMinuteAlert: Number.POSITIVE_INFINITY,
    },
  }),
};

/** Lets in only clients with a verified certificate; the client id must equal its common name (PR-7). */
export const certificateAuthenticator: Authenticator = {
  authenticate: async ({ clientId, certificate }) => {
    if (!certificate)
      return { ok: false, reasonCode: ReasonCode.notAuthorized, reason: 'a client certificate is required' };
    if (certificate.commonName !== clientId) {
      return {
        ok: false,
        reasonCode: 0x85,
        reason: `client id "${clientId}" is not the certificate's name "${certificate.commonName}"`,
      };
    }
    const { serial } = certificate;
    return {
      ok: true,
      principal: {
        clientId,
        tenant: '',
        certificateSerial: serial,
        messagesPerMinuteAlert: Number.POSITIVE_INFINITY,
      },
    };
  },
};

/** Allows everything but subscriptions to the given filters. */
export function denySubscribeAuthorizer(filters: readonly string[]): Authorizer {
  const denied = new Set(filters);
  return { mayPublish: () => true, maySubscribe: (_principal, filter) => !denied.has(filter) };
}

/** For a broker nobody watches. */
export const silentObserver: FrontDoorObserver = { on: () => {} };
