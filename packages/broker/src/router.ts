import type { Clock } from '@millrace/foundation';
import {
  type Authorizer,
  type FrontDoorObserver,
  type Ingress,
  type Principal,
  type PublishProperties,
  type PublishView,
  ReasonCode,
} from '@millrace/mqtt';
import { Batcher } from './batcher.js';
import type { Connection } from './connection.js';
import { RateWatch } from './rate-watch.js';
import { RetainedMessages } from './retained.js';
import type { Message, Session } from './session.js';
import type { SessionKeeper } from './sessions.js';
import type { GroupCommit } from './store/group-commit.js';
import { isValidTopic, type Match, type Subscription, type SubscriptionTree } from './subscriptions.js';
import type { TopicEntry } from './topic-table.js';

export interface RouterOptions {
  readonly ingress: Ingress | undefined;
  readonly authorizer: Authorizer;
  readonly observer: FrontDoorObserver;
  readonly clock: Clock;
  readonly lingerMs: number;
  readonly sessions: SessionKeeper;
  readonly tree: SubscriptionTree;
  readonly keeping: GroupCommit;
}

const nobody = { answer: () => {}, flushAnswers: () => {} };

/** Where a PUBLISH goes: to the ingress, to subscribers, among the retained messages; and when it is answered. */
export class Router {
  readonly retained = new RetainedMessages();
  received = 0;
  delivered = 0;
  refused = 0;
  readonly #options: RouterOptions;
  readonly #sessions: SessionKeeper;
  readonly #tree: SubscriptionTree;
  readonly #clock: Clock;
  readonly #batcher: Batcher | undefined;
  readonly #rates: RateWatch;
  readonly #paused = new Set<Connection>();

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#sessions = options.sessions;
    this.#tree = options.tree;
    this.#clock = options.clock;
    const { ingress, clock, lingerMs } = options;
    if (ingress) {
      this.#batcher = new Batcher({ ingress, clock, lingerMs });
      ingress.onDrain(() => this.#resumeAll());
    }
    this.#rates = new RateWatch(clock, options.observer);
  }

  /** Connections that wait for the ingress. */
  get paused(): number {
    return this.#paused.size;
  }

  /** Resolves when the ingress has answered for everything it was given. */
  async drained(): Promise<void> {
    await this.#batcher?.drained();
  }

  forget(connection: Connection): void {
    this.#paused.delete(connection);
  }

  resolveTopic(principal: Principal, topic: string): TopicEntry {
    const allowed = this.#options.authorizer.mayPublish(principal, topic);
    return {
      topic,
      bytes: Buffer.from(topic),
      allowed,
      binding: allowed ? this.#options.ingress?.bind(principal, topic) : undefined,
      matches: [],
      matchVersion: -1,
    };
  }

  /** One PUBLISH of a client. */
  publishFrom(
    connection: Connection,
    session: Session,
    entry: TopicEntry,
    bytes: Buffer,
    view: PublishView,
    properties: PublishProperties | undefined,
  ): void {
    this.received++;
    this.#rates.count(session.principal);
    if (!entry.allowed) {
      this.#refuse(connection, session, entry, view);
      return;
    }
    if (view.qos === 2 && this.#isRedelivery(connection, session, view)) return;
    if (entry.binding && this.#batcher) {
      if (view.retain || this.#matchesOf(entry).length > 0) {
        const message = this.#messageOf(session, entry, bytes, view, properties);
        if (message.retain) this.#retain(message);
        this.#fanOut(entry, message);
      }
      this.#batcher.add(
        connection,
        entry.binding,
        bytes,
        view.payloadStart,
        view.payloadEnd,
        view.qos,
        view.dup,
        view.packetId,
        properties?.contentType,
      );
      if (this.#options.ingress?.saturated) this.#pauseForIngress(connection);
      return;
    }
    const reasonCode = this.#routeEntry(entry, this.#messageOf(session, entry, bytes, view, properties));
    this.#answerWhenKept(connection, session, view.qos, view.packetId, reasonCode);
  }

  /** A will: through the ingress when it is the ingress's topic, to subscribers always. */
  publishWill(principal: Principal, message: Message): void {
    if (!this.#options.authorizer.mayPublish(principal, message.topic)) {
      this.refused++;
      this.#options.observer.on({
        type: 'publish_refused',
        principal,
        topic: message.topic,
        reason: 'a will on a topic that is not its own',
      });
      return;
    }
    const binding = this.#options.ingress?.bind(principal, message.topic);
    if (binding && this.#batcher) {
      const { payload, qos, properties } = message;
      this.#batcher.add(nobody, binding, payload, 0, payload.length, qos, false, 0, properties.contentType);
    }
    const expiry = message.properties.messageExpiryInterval;
    this.route(
      expiry === undefined ? message : { ...message, expiresAtMs: this.#clock.nowMs() + expiry * 1000 },
    );
  }

  /** Gives a message to its subscribers; returns how many there are. */
  route(message: Message): number {
    if (!isValidTopic(message.topic)) return 0;
    if (message.retain) this.#retain(message);
    const matches = this.#matchTopic(message.topic);
    for (const match of matches) this.#deliver(match, message, false);
    return matches.length;
  }

  /** The retained messages a new subscription is due. */
  deliverRetained(subscription: Subscription): void {
    const { clientId, filter } = subscription;
    for (const message of this.retained.matching(filter, this.#clock.nowMs()))
      this.#deliver({ clientId, subscriptions: [subscription] }, message, true);
  }

  #refuse(connection: Connection, session: Session, entry: TopicEntry, view: PublishView): void {
    this.refused++;
    this.#options.observer.on({
      type: 'publish_refused',
      principal: session.principal,
      topic: entry.topic,
      reason: 'not its own topic',
    });
    connection.reply(view.qos, view.packetId, ReasonCode.notAuthorized);
  }

  /** True when the packet id is already known: a redelivery is answered, not handled twice ([MQTT-4.3.3-10]). */
  #isRedelivery(connection: Connection, session: Session, view: PublishView): boolean {
    const state = session.beginIncoming(view.packetId);
    if (state === 'new') return false;
    connection.unanswered--;
    if (state === 'received') this.#answerWhenKept(connection, session, 2, view.packetId, ReasonCode.success);
    return true;
  }

  /** Acknowledges an ordinary message when what it left in sessions is durable. */
  #answerWhenKept(
    connection: Connection,
    session: Session,
    qos: number,
    packetId: number,
    reasonCode: number,
  ): void {
    if (qos === 0) return;
    if (qos === 2) session.settleIncoming(packetId, reasonCode < 0x80);
    const told = reasonCode === ReasonCode.noMatchingSubscribers && connection.version !== 5 ? 0 : reasonCode;
    this.#options.keeping.after((ok) => {
      if (!ok && qos === 2) session.endIncoming(packetId);
      connection.reply(qos, packetId, ok ? told : ReasonCode.unspecifiedError);
    });
  }

  #messageOf(
    session: Session,
    entry: TopicEntry,
    bytes: Buffer,
    view: PublishView,
    properties: PublishProperties | undefined,
  ): Message {
    const expiry = properties?.messageExpiryInterval;
    return {
      topic: entry.topic,
      payload: Buffer.from(bytes.subarray(view.payloadStart, view.payloadEnd)),
      qos: view.qos as 0 | 1 | 2,
      retain: view.retain,
      properties: properties ?? {},
      expiresAtMs: expiry === undefined ? undefined : this.#clock.nowMs() + expiry * 1000,
      from: session.clientId,
    };
  }

  #pauseForIngress(connection: Connection): void {
    if (this.#paused.has(connection)) return;
    this.#paused.add(connection);
    connection.pause();
  }

  #resumeAll(): void {
    const waiting = [...this.#paused];
    this.#paused.clear();
    for (const connection of waiting) connection.resume();
  }

  #matchesOf(entry: TopicEntry): readonly Match[] {
    if (this.#tree.count === 0) return entry.matches.length === 0 ? entry.matches : [];
    if (entry.matchVersion !== this.#tree.version) {
      entry.matches = this.#matchTopic(entry.topic);
      entry.matchVersion = this.#tree.version;
    }
    return entry.matches;
  }

  #matchTopic(topic: string): Match[] {
    return this.#tree.match(topic, this.#sessions.isConnected);
  }

  /** The reason code of an ordinary message's acknowledgement. */
  #routeEntry(entry: TopicEntry, message: Message): number {
    // More may not wait for subscribers than the budget says; the publisher keeps its message and tries again.
    if (message.qos > 0 && this.#sessions.budget.full && this.#matchesOf(entry).length > 0) {
      this.refused++;
      return ReasonCode.quotaExceeded;
    }
    if (message.retain && !this.#retain(message)) return ReasonCode.quotaExceeded;
    return this.#fanOut(entry, message) === 0 ? ReasonCode.noMatchingSubscribers : ReasonCode.success;
  }

  #retain(message: Message): boolean {
    if (!this.retained.set(message)) {
      this.refused++;
      return false;
    }
    const { keeping } = this.#options;
    if (message.payload.length === 0) keeping.store.removeRetained(message.topic);
    else keeping.store.putRetained(message);
    keeping.touch();
    return true;
  }

  #fanOut(entry: TopicEntry, message: Message): number {
    // A shared group takes turns, so its member is chosen anew for each message.
    const matches = this.#tree.hasShared ? this.#matchTopic(entry.topic) : this.#matchesOf(entry);
    for (const match of matches) this.#deliver(match, message, false);
    return matches.length;
  }

  #deliver(match: Match, message: Message, fromRetained: boolean): void {
    const session = this.#sessions.get(match.clientId);
    if (!session) return;
    const { subscriptions } = match;
    // Nearly always there is one subscription, and nothing to combine.
    if (subscriptions.length === 1) {
      this.#deliverOne(session, subscriptions[0]!, message, fromRetained);
      return;
    }
    const wanted = subscriptions.filter((s) => !(s.noLocal && message.from === match.clientId));
    if (wanted.length === 0) return;
    const qos = Math.min(message.qos, Math.max(...wanted.map((s) => s.qos))) as 0 | 1 | 2;
    const retain = fromRetained || (message.retain && wanted.some((s) => s.retainAsPublished));
    const identifiers = wanted.flatMap((s) => (s.identifier === undefined ? [] : [s.identifier]));
    this.delivered++;
    session.deliver({ message, qos, retain, identifiers }, this.#clock.nowMs());
  }

  #deliverOne(session: Session, subscription: Subscription, message: Message, fromRetained: boolean): void {
    const { clientId, noLocal, qos, identifier, retainAsPublished } = subscription;
    if (noLocal && message.from === clientId) return;
    this.delivered++;
    session.deliver(
      {
        message,
        qos: Math.min(message.qos, qos) as 0 | 1 | 2,
        retain: fromRetained || (message.retain && retainAsPublished),
        identifiers: identifier === undefined ? none : [identifier],
      },
      this.#clock.nowMs(),
    );
  }
}

const none: readonly number[] = [];
