import { type Authorizer, type FrontDoorObserver, ReasonCode } from '@millrace/mqtt';
import type { ISubscribePacket, IUnsubscribePacket } from 'mqtt-packet';
import type { Connection } from './connection.js';
import type { Router } from './router.js';
import type { Session } from './session.js';
import type { SessionKeeper } from './sessions.js';
import { isValidFilter, type Subscription, shareOf } from './subscriptions.js';

/** SUBSCRIBE and UNSUBSCRIBE (MQTT 5, 3.8 to 3.11). */
export class Subscribing {
  readonly #authorizer: Authorizer;
  readonly #observer: FrontDoorObserver;
  readonly #sessions: SessionKeeper;
  readonly #router: Router;
  readonly #perSessionMax: number;

  constructor(parts: {
    authorizer: Authorizer;
    observer: FrontDoorObserver;
    sessions: SessionKeeper;
    router: Router;
    perSessionMax: number;
  }) {
    this.#authorizer = parts.authorizer;
    this.#observer = parts.observer;
    this.#sessions = parts.sessions;
    this.#router = parts.router;
    this.#perSessionMax = parts.perSessionMax;
  }

  subscribe(connection: Connection, session: Session, packet: ISubscribePacket): void {
    const identifier = packet.properties?.subscriptionIdentifier;
    const due: Subscription[] = [];
    const granted: number[] = [];
    for (const wanted of packet.subscriptions) {
      const code = this.#subscribeOne(connection, session, wanted, identifier, due);
      if (connection.closed) return;
      granted.push(connection.version === 5 || code < 0x80 ? code : 0x80);
    }
    const messageId = packet.messageId ?? 0;
    // A kept session's SUBACK promises that the subscription outlives the process.
    const answer = (kept: boolean) => {
      if (!kept) {
        connection.write({ cmd: 'suback', messageId, granted: granted.map(() => 0x80) });
        return;
      }
      connection.write({ cmd: 'suback', messageId, granted });
      for (const subscription of due) this.#router.deliverRetained(subscription);
    };
    if (session.keeping) session.keeping.after(answer);
    else answer(true);
  }

  unsubscribe(connection: Connection, session: Session, packet: IUnsubscribePacket): void {
    const granted = packet.unsubscriptions.map((filter) =>
      this.#sessions.unsubscribe(session, filter) ? 0x00 : 0x11,
    );
    connection.write({ cmd: 'unsuback', messageId: packet.messageId ?? 0, granted });
  }

  /** Ends the subscriptions that a session's principal may not have any more. */
  refresh(session: Session): void {
    for (const filter of [...session.subscriptions.keys()]) {
      if (this.#authorizer.maySubscribe(session.principal, filter)) continue;
      this.#sessions.unsubscribe(session, filter);
      this.#observer.on({ type: 'subscribe_refused', principal: session.principal, filter });
    }
  }

  #subscribeOne(
    connection: Connection,
    session: Session,
    wanted: ISubscribePacket['subscriptions'][number],
    identifier: number | undefined,
    due: Subscription[],
  ): number {
    const filter = wanted.topic;
    if (!isValidFilter(filter)) return ReasonCode.topicFilterInvalid;
    // [MQTT-3.8.3-4]: no local on a shared subscription is a protocol error.
    const shared = shareOf(filter)?.share !== undefined;
    if (shared && wanted.nl) {
      connection.close('no local on a shared subscription', 0x82);
      return 0x82;
    }
    if (!this.#authorizer.maySubscribe(session.principal, filter)) {
      this.#observer.on({ type: 'subscribe_refused', principal: session.principal, filter });
      // 0x80 rather than 0x87: which filters exist and for whom is nothing a client may learn (3.9.3).
      return ReasonCode.unspecifiedError;
    }
    if (session.subscriptions.size >= this.#perSessionMax && !session.subscriptions.has(filter))
      return ReasonCode.quotaExceeded;
    const subscription: Subscription = {
      clientId: session.clientId,
      filter,
      qos: wanted.qos,
      noLocal: wanted.nl ?? false,
      retainAsPublished: wanted.rap ?? false,
      identifier,
    };
    const isNew = this.#sessions.subscribe(session, subscription);
    // Retain handling: 0 always, 1 only when new, 2 never (3.8.3.1); a shared one gets none (4.8.2).
    const handling = wanted.rh ?? 0;
    if (!shared && (handling === 0 || (handling === 1 && isNew))) due.push(subscription);
    return wanted.qos;
  }
}
