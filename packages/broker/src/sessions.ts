import type { Clock, Timer } from '@millrace/foundation';
import type { Principal } from '@millrace/mqtt';
import type { Connection } from './connection.js';
import { type Message, QueueBudget, Session, type Will } from './session.js';
import type { GroupCommit } from './store/group-commit.js';
import type { StoredState } from './store/store.js';
import type { Subscription, SubscriptionTree } from './subscriptions.js';

export interface SessionKeeperOptions {
  readonly clock: Clock;
  readonly tree: SubscriptionTree;
  readonly keeping: GroupCommit;
  readonly queuedBytesMax: number;
  /** Publishes a will whose time has come. */
  readonly publishWill: (principal: Principal, message: Message) => void;
}

export interface Attachment {
  readonly connection: Connection;
  readonly clientId: string;
  readonly principal: Principal;
  readonly cleanStart: boolean;
  readonly expiryS: number;
  readonly will: Will | undefined;
}

/** Which sessions there are, who is connected, and when a session or a will is due. */
export class SessionKeeper {
  readonly budget: QueueBudget;
  readonly #options: SessionKeeperOptions;
  readonly #sessions = new Map<string, Session>();
  readonly #connected = new Map<string, Connection>();
  readonly #expiries = new Map<string, Timer>();
  readonly #wills = new Map<string, { timer: Timer; publish: () => void }>();
  #droppedBefore = 0;

  constructor(options: SessionKeeperOptions) {
    this.#options = options;
    this.budget = new QueueBudget(options.queuedBytesMax);
  }

  get count(): number {
    return this.#sessions.size;
  }

  get connectedCount(): number {
    return this.#connected.size;
  }

  /** Messages that sessions could not take, ended ones included. */
  get dropped(): number {
    let dropped = this.#droppedBefore;
    for (const session of this.#sessions.values()) dropped += session.dropped;
    return dropped;
  }

  get(clientId: string): Session | undefined {
    return this.#sessions.get(clientId);
  }

  all(): Iterable<Session> {
    return this.#sessions.values();
  }

  connectionOf(clientId: string): Connection | undefined {
    return this.#connected.get(clientId);
  }

  isConnected = (clientId: string): boolean => this.#connected.has(clientId);

  /** Takes over what the store kept; a session whose process was killed counts as disconnected now. */
  restore(state: StoredState): void {
    const { clock, keeping } = this.#options;
    const now = clock.nowMs();
    for (const stored of state.sessions) {
      const { clientId } = stored;
      const leftS = stored.expiryS - Math.max(0, now - (stored.disconnectedAtMs ?? now)) / 1000;
      if (leftS <= 0) {
        keeping.store.removeSession(clientId);
        continue;
      }
      // The principal is learned anew when the client comes back; nothing is decided for it until then.
      const session = new Session(clientId, unknownPrincipal(clientId), this.budget);
      session.expiryS = stored.expiryS;
      session.keeping = keeping;
      session.restore(stored.deliveries, stored.incomingQos2);
      for (const subscription of stored.subscriptions) this.#addSubscription(session, subscription);
      this.#sessions.set(clientId, session);
      this.#expireAfter(clientId, leftS);
      if (stored.disconnectedAtMs === undefined)
        keeping.store.putSession({ clientId, expiryS: stored.expiryS, disconnectedAtMs: now });
    }
    keeping.touch();
  }

  /** Finds or makes the session of a client that was let in. The caller has closed the client's other connection. */
  attach(attachment: Attachment): { session: Session; present: boolean } {
    const { clientId, connection, principal } = attachment;
    const found = this.#sessions.get(clientId);
    const previous = attachment.cleanStart ? undefined : found;
    if (found && !previous) this.end(clientId);
    // 3.1.3.2.2: a client that is back in time takes its will back.
    this.#cancelWill(clientId);
    this.#cancelExpiry(clientId);
    const session = previous ?? new Session(clientId, principal, this.budget);
    session.principal = principal;
    session.expiryS = attachment.expiryS;
    session.will = attachment.will;
    this.#sessions.set(clientId, session);
    this.#connected.set(clientId, connection);
    this.#keepOrNot(session);
    return { session, present: previous !== undefined };
  }

  /** The connection of a session has ended; an orderly end takes the will back ([MQTT-3.14.4-3]). */
  detach(connection: Connection, session: Session, orderly: boolean): void {
    const { clientId } = session;
    if (this.#connected.get(clientId) !== connection) return;
    this.#connected.delete(clientId);
    session.port = undefined;
    if (!orderly) this.#scheduleWill(session);
    session.will = undefined;
    if (session.expiryS <= 0) {
      this.end(clientId);
      return;
    }
    this.#expireAfter(clientId, session.expiryS);
    this.#putRow(session, this.#options.clock.nowMs());
  }

  subscribe(session: Session, subscription: Subscription): boolean {
    const { keeping } = session;
    keeping?.store.putSubscription(subscription);
    keeping?.touch();
    return this.#addSubscription(session, subscription);
  }

  unsubscribe(session: Session, filter: string): boolean {
    session.keeping?.store.removeSubscription(session.clientId, filter);
    session.keeping?.touch();
    session.subscriptions.delete(filter);
    return this.#options.tree.remove(session.clientId, filter);
  }

  /** Forgets a session; a will that waited for its delay goes out now (3.1.3.2.2). */
  end(clientId: string): void {
    this.#cancelExpiry(clientId);
    const session = this.#sessions.get(clientId);
    if (!session) return;
    for (const filter of session.subscriptions.keys()) this.#options.tree.remove(clientId, filter);
    this.#droppedBefore += session.dropped;
    this.#sessions.delete(clientId);
    if (session.keeping) {
      session.keeping.store.removeSession(clientId);
      session.keeping.touch();
    }
    session.end();
    const will = this.#wills.get(clientId);
    this.#cancelWill(clientId);
    will?.publish();
  }

  /** Ends every timer; sessions stay as they are. */
  stop(): void {
    for (const timer of this.#expiries.values()) timer.cancel();
    for (const { timer } of this.#wills.values()) timer.cancel();
    this.#expiries.clear();
    this.#wills.clear();
  }

  #addSubscription(session: Session, subscription: Subscription): boolean {
    session.subscriptions.set(subscription.filter, subscription);
    return this.#options.tree.add(subscription);
  }

  /** A session that outlives its connection is kept, one that does not is not. */
  #keepOrNot(session: Session): void {
    if (session.expiryS > 0) {
      session.keeping = this.#options.keeping;
      this.#putRow(session, undefined);
    } else if (session.keeping) {
      session.keeping.store.removeSession(session.clientId);
      session.keeping.touch();
      session.keeping = undefined;
    }
  }

  #putRow(session: Session, disconnectedAtMs: number | undefined): void {
    const { clientId, expiryS } = session;
    session.keeping?.store.putSession({ clientId, expiryS, disconnectedAtMs });
    session.keeping?.touch();
  }

  #scheduleWill(session: Session): void {
    const { will, clientId, principal } = session;
    if (!will) return;
    const publish = () => {
      this.#wills.delete(clientId);
      this.#options.publishWill(principal, will.message);
    };
    // The will is sent when its delay passes or the session ends, whichever is first; `end` sees to the second.
    if (will.delayS <= 0) publish();
    else {
      const timer = this.#options.clock.after(will.delayS * 1000, publish, { unref: true });
      this.#wills.set(clientId, { timer, publish });
    }
  }

  #cancelWill(clientId: string): void {
    this.#wills.get(clientId)?.timer.cancel();
    this.#wills.delete(clientId);
  }

  #expireAfter(clientId: string, seconds: number): void {
    const timer = this.#options.clock.after(Math.min(seconds * 1000, 2 ** 31 - 1), () => this.end(clientId), {
      unref: true,
    });
    this.#expiries.set(clientId, timer);
  }

  #cancelExpiry(clientId: string): void {
    this.#expiries.get(clientId)?.cancel();
    this.#expiries.delete(clientId);
  }
}

function unknownPrincipal(clientId: string): Principal {
  return {
    clientId,
    tenant: '',
    certificateSerial: undefined,
    messagesPerMinuteAlert: Number.POSITIVE_INFINITY,
  };
}
