import {
  type Clock,
  createUlidFactory,
  type Logger,
  type Random,
  type Service,
  type Timer,
} from '@millrace/foundation';
import {
  type Authenticator,
  type Authorizer,
  type FrontDoorObserver,
  type Ingress,
  type MqttMessage,
  type Principal,
  type PublishProperties,
  type PublishView,
  ReasonCode,
} from '@millrace/mqtt';
import type { IConnectPacket, ISubscribePacket, IUnsubscribePacket, Packet } from 'mqtt-packet';
import { Batcher } from './batcher.js';
import { Connection, type ConnectionHost, type ConnectionLimits } from './connection.js';
import { type AcceptedSocket, Listener, type ListenerOptions, type TlsMaterial } from './listener.js';
import { RateWatch } from './rate-watch.js';
import { RetainedMessages } from './retained.js';
import { type Message, Session, type Will } from './session.js';
import { isValidFilter, isValidTopic, type Match, SubscriptionTree, shareOf } from './subscriptions.js';
import type { TopicEntry } from './topic-table.js';

export interface BrokerOptions {
  readonly listeners: readonly ListenerOptions[];
  /** Answers for the topics it binds; without one the broker is an ordinary broker. */
  readonly ingress?: Ingress;
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly observer: FrontDoorObserver;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits?: Partial<BrokerLimits>;
}

export interface BrokerLimits extends ConnectionLimits {
  /** Longest a PUBLISH waits for company before it is handed to the ingress, ms. */
  readonly lingerMs: number;
  readonly connectionsMax: number;
  /** Longest session expiry granted, s. */
  readonly sessionExpirySMax: number;
}

export const defaultBrokerLimits: BrokerLimits = {
  packetBytesMax: 16 * 1024 * 1024,
  receiveMaximum: 2000,
  topicAliasMaximum: 1000,
  writeBufferBytesMax: 4 * 1024 * 1024,
  connectTimeoutMs: 10_000,
  lingerMs: 2,
  connectionsMax: 50_000,
  sessionExpirySMax: 7 * 86_400,
};

export interface BrokerStats {
  readonly connections: number;
  readonly sessions: number;
  readonly subscriptions: number;
  readonly retained: number;
  readonly received: number;
  readonly delivered: number;
  readonly refusedPublishes: number;
  readonly refusedConnects: number;
  /** Messages that a full or absent session could not take. */
  readonly dropped: number;
  readonly paused: number;
}

export interface Broker extends Service {
  readonly listenerPorts: readonly number[];
  /** Gives a message to subscribers as the broker's owner. */
  publish(message: MqttMessage): void;
  /** Closes a client's connection and says why; true when it was connected. */
  disconnectClient(clientId: string, reason: string): boolean;
  /** Takes new certificates, CA or CRLs for every TLS listener, without a restart. */
  reloadTls(tls: TlsMaterial): void;
  /** Forgets cached rights, so that the next packet of every client asks again. */
  refreshRights(): void;
  stats(): BrokerStats;
}

/** The MQTT front door. Nothing is opened before `start`. */
export function createBroker(options: BrokerOptions): Broker {
  return new MqttBroker(options);
}

class MqttBroker implements Broker, ConnectionHost {
  readonly #options: BrokerOptions;
  readonly #limits: BrokerLimits;
  readonly #clock: Clock;
  readonly #listeners: Listener[];
  readonly #connections = new Set<Connection>();
  readonly #sessions = new Map<string, Session>();
  readonly #byClientId = new Map<string, Connection>();
  readonly #expiries = new Map<string, Timer>();
  readonly #wills = new Map<string, Timer>();
  readonly #tree = new SubscriptionTree();
  readonly #retained = new RetainedMessages();
  readonly #batcher: Batcher | undefined;
  readonly #rates: RateWatch;
  readonly #newId: () => string;
  #paused: Connection[] = [];
  #keepAlive: Timer | undefined;
  #received = 0;
  #delivered = 0;
  #refusedPublishes = 0;
  #refusedConnects = 0;
  #droppedBefore = 0;

  constructor(options: BrokerOptions) {
    this.#options = options;
    this.#limits = { ...defaultBrokerLimits, ...options.limits };
    this.#clock = options.clock;
    const { ingress, clock } = options;
    if (ingress) {
      this.#batcher = new Batcher({ ingress, clock, lingerMs: this.#limits.lingerMs });
      ingress.onDrain(() => this.#resumeAll());
    }
    this.#rates = new RateWatch(clock, options.observer);
    this.#newId = createUlidFactory(clock, options.random);
    this.#listeners = options.listeners.map(
      (listener) =>
        new Listener(
          listener,
          (accepted) => this.#accept(accepted),
          (remote, reason) =>
            this.#refuse({ clientId: '', remoteAddress: remote, reason, certificateSerial: undefined }),
        ),
    );
  }

  get listenerPorts(): readonly number[] {
    return this.#listeners.map((listener) => listener.port);
  }

  async start(): Promise<void> {
    const opened: Listener[] = [];
    try {
      for (const listener of this.#listeners) {
        await listener.start();
        opened.push(listener);
      }
    } catch (error) {
      for (const listener of opened) await listener.stop();
      throw error;
    }
    this.#keepAlive = this.#clock.every(1000, () => this.#closeSilent(), { unref: true });
  }

  async stop(): Promise<void> {
    this.#keepAlive?.cancel();
    for (const connection of [...this.#connections]) connection.pause();
    await this.#batcher?.drained();
    for (const connection of [...this.#connections]) connection.close('the broker is stopping', 0x8b);
    for (const timer of [...this.#expiries.values(), ...this.#wills.values()]) timer.cancel();
    await Promise.all(this.#listeners.map((listener) => listener.stop()));
  }

  publish(message: MqttMessage): void {
    this.#route({
      topic: message.topic,
      payload: Buffer.from(message.payload),
      qos: message.qos,
      retain: message.retain,
      properties: message.contentType === undefined ? {} : { contentType: message.contentType },
      expiresAtMs:
        message.messageExpiryS === undefined
          ? undefined
          : this.#clock.nowMs() + message.messageExpiryS * 1000,
      from: '',
    });
  }

  disconnectClient(clientId: string, reason: string): boolean {
    const connection = this.#byClientId.get(clientId);
    connection?.close(reason, 0x98);
    return connection !== undefined;
  }

  reloadTls(tls: TlsMaterial): void {
    for (const listener of this.#listeners) listener.reload(tls);
  }

  refreshRights(): void {
    for (const connection of this.#connections) connection.topics.clear();
  }

  stats(): BrokerStats {
    let dropped = this.#droppedBefore;
    for (const session of this.#sessions.values()) dropped += session.dropped;
    return {
      connections: this.#byClientId.size,
      sessions: this.#sessions.size,
      subscriptions: this.#tree.count,
      retained: this.#retained.size,
      received: this.#received,
      delivered: this.#delivered,
      refusedPublishes: this.#refusedPublishes,
      refusedConnects: this.#refusedConnects,
      dropped,
      paused: this.#paused.length,
    };
  }

  // ---- connections

  #accept(accepted: AcceptedSocket): void {
    if (this.#connections.size >= this.#limits.connectionsMax) {
      accepted.socket.destroy();
      this.#refuse({
        clientId: '',
        remoteAddress: accepted.remoteAddress,
        reason: 'too many connections',
        certificateSerial: undefined,
      });
      return;
    }
    const services = {
      host: this as ConnectionHost,
      limits: this.#limits,
      logger: this.#options.logger,
      clock: this.#clock,
    };
    const connection = new Connection(accepted.socket, accepted, services);
    this.#connections.add(connection);
    connection.open();
  }

  connect(connection: Connection, packet: IConnectPacket): void {
    // Reading pauses until the answer, so that no packet is handled before the client is known.
    connection.pause();
    void this.#authenticate(connection, packet).finally(() => connection.resume());
  }

  async #authenticate(connection: Connection, packet: IConnectPacket): Promise<void> {
    const assigned = packet.clientId === '' ? `auto-${this.#newId()}` : undefined;
    if (assigned && connection.version < 5 && !packet.clean) {
      // [MQTT-3.1.3-8] of 3.1.1: an empty client id needs a clean session.
      this.#rejectConnect(connection, packet, 0x85, 'an empty client id needs a clean session');
      return;
    }
    const decision = await this.#options.authenticator.authenticate({
      clientId: assigned ?? packet.clientId,
      protocolVersion: connection.version,
      username: packet.username,
      password: packet.password,
      certificate: connection.certificate,
      remoteAddress: connection.remoteAddress,
      listener: connection.listener,
    });
    if (connection.closed) return;
    if (!decision.ok) {
      this.#rejectConnect(connection, packet, decision.reasonCode, decision.reason);
      return;
    }
    this.#attach(connection, packet, decision.principal, assigned);
  }

  #rejectConnect(connection: Connection, packet: IConnectPacket, reasonCode: number, reason: string): void {
    this.#refuse({
      clientId: packet.clientId,
      remoteAddress: connection.remoteAddress,
      reason,
      certificateSerial: connection.certificate?.serial,
    });
    if (connection.version === 5) {
      connection.write({
        cmd: 'connack',
        sessionPresent: false,
        reasonCode,
        properties: { reasonString: reason },
      });
    } else {
      // 3.1.1, table 3.1: 2 = identifier rejected, 3 = server unavailable, 5 = not authorized.
      const returnCode = reasonCode === 0x85 ? 2 : reasonCode === 0x88 ? 3 : 5;
      connection.write({ cmd: 'connack', sessionPresent: false, returnCode });
    }
    connection.close(reason);
  }

  #refuse(refusal: {
    clientId: string;
    remoteAddress: string;
    reason: string;
    certificateSerial: string | undefined;
  }): void {
    this.#refusedConnects++;
    this.#options.observer.on({ type: 'connect_refused', ...refusal });
  }

  #attach(
    connection: Connection,
    packet: IConnectPacket,
    principal: Principal,
    assigned: string | undefined,
  ): void {
    const clientId = assigned ?? packet.clientId;
    const v5 = connection.version === 5;
    // [MQTT-3.1.4-3]: a second connection with the same client id takes the session over.
    this.#byClientId.get(clientId)?.close('taken over by another connection', 0x8e);
    const previous = packet.clean ? undefined : this.#sessions.get(clientId);
    if (!previous) this.#dropSession(clientId);
    const session = previous ?? new Session(clientId, principal);
    this.#cancelTimer(this.#expiries, clientId);
    this.#cancelTimer(this.#wills, clientId);
    session.principal = principal;
    session.port = undefined;
    session.expiryS = this.#grantedExpiry(packet, v5);
    session.will = willOf(packet, clientId);
    this.#sessions.set(clientId, session);
    this.#byClientId.set(clientId, connection);
    connection.session = session;
    connection.receiveMaximum = v5 ? (packet.properties?.receiveMaximum ?? 65_535) : 65_535;
    connection.clientPacketBytesMax = packet.properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY;
    connection.keepAliveMs = (packet.keepalive ?? 0) * 1500;
    this.#sendConnack(connection, session, previous !== undefined, assigned, packet);
    connection.accepted = true;
    session.port = connection;
    this.#options.observer.on({ type: 'connected', principal, remoteAddress: connection.remoteAddress });
    session.resume(this.#clock.nowMs());
  }

  #grantedExpiry(packet: IConnectPacket, v5: boolean): number {
    const asked = v5
      ? (packet.properties?.sessionExpiryInterval ?? 0)
      : packet.clean
        ? 0
        : Number.POSITIVE_INFINITY;
    return Math.min(asked, this.#limits.sessionExpirySMax);
  }

  #sendConnack(
    connection: Connection,
    session: Session,
    sessionPresent: boolean,
    assigned: string | undefined,
    packet: IConnectPacket,
  ): void {
    if (connection.version !== 5) {
      connection.write({ cmd: 'connack', sessionPresent, returnCode: 0 });
      return;
    }
    const asked = packet.properties?.sessionExpiryInterval ?? 0;
    connection.write({
      cmd: 'connack',
      sessionPresent,
      reasonCode: 0,
      properties: {
        receiveMaximum: this.#limits.receiveMaximum,
        maximumPacketSize: this.#limits.packetBytesMax,
        topicAliasMaximum: this.#limits.topicAliasMaximum,
        ...(assigned === undefined ? {} : { assignedClientIdentifier: assigned }),
        ...(asked > session.expiryS ? { sessionExpiryInterval: session.expiryS } : {}),
      },
    });
  }

  closed(connection: Connection, reason: string, orderly: boolean): void {
    this.#connections.delete(connection);
    this.#paused = this.#paused.filter((paused) => paused !== connection);
    const { session } = connection;
    if (!session) return;
    this.#options.observer.on({ type: 'disconnected', principal: session.principal, reason, orderly });
    if (this.#byClientId.get(session.clientId) === connection) this.#byClientId.delete(session.clientId);
    if (session.port !== connection) {
      // Taken over: the new connection owns the session; only an undelayed will of the old one is due, and it was replaced.
      return;
    }
    session.port = undefined;
    if (!orderly) this.#scheduleWill(session);
    session.will = undefined;
    this.#scheduleExpiry(session);
  }

  #scheduleWill(session: Session): void {
    const { will } = session;
    if (!will) return;
    // 3.1.3.2.2: the will is sent when its delay passes or the session ends, whichever is first.
    const delayS = Math.min(will.delayS, session.expiryS);
    if (delayS <= 0) {
      this.#publishWill(session, will);
      return;
    }
    this.#wills.set(
      session.clientId,
      this.#clock.after(delayS * 1000, () => this.#publishWill(session, will), { unref: true }),
    );
  }

  #publishWill(session: Session, will: Will): void {
    this.#wills.delete(session.clientId);
    if (this.#options.authorizer.mayPublish(session.principal, will.message.topic))
      this.#publishAs(session.principal, will.message);
  }

  #scheduleExpiry(session: Session): void {
    if (session.expiryS <= 0) {
      this.#dropSession(session.clientId);
      return;
    }
    const timer = this.#clock.after(
      Math.min(session.expiryS * 1000, 2 ** 31 - 1),
      () => this.#dropSession(session.clientId),
      { unref: true },
    );
    this.#expiries.set(session.clientId, timer);
  }

  #dropSession(clientId: string): void {
    this.#cancelTimer(this.#expiries, clientId);
    const session = this.#sessions.get(clientId);
    if (!session) return;
    this.#droppedBefore += session.dropped;
    for (const filter of session.subscriptions.keys()) this.#tree.remove(clientId, filter);
    this.#sessions.delete(clientId);
  }

  #cancelTimer(timers: Map<string, Timer>, clientId: string): void {
    timers.get(clientId)?.cancel();
    timers.delete(clientId);
  }

  /** [MQTT-3.1.2-24]: silence for one and a half times the keep alive ends the connection. */
  #closeSilent(): void {
    const now = this.#clock.monotonicMs();
    for (const connection of this.#connections) {
      if (connection.keepAliveMs > 0 && now - connection.lastPacketAtMs > connection.keepAliveMs) {
        connection.close('no packet within one and a half times the keep alive', 0x8d);
      }
    }
  }

  // ---- packets

  packet(connection: Connection, packet: Packet): void {
    const session = connection.session!;
    const now = this.#clock.nowMs();
    switch (packet.cmd) {
      case 'puback':
        session.acknowledge(packet.messageId ?? 0, now);
        return;
      case 'pubrec': {
        const id = packet.messageId ?? 0;
        if ((packet.reasonCode ?? 0) >= 0x80) session.acknowledge(id, now);
        else if (session.release(id) || connection.version !== 5) connection.sendPubrel(id);
        else connection.write({ cmd: 'pubrel', messageId: id, reasonCode: 0x92 });
        return;
      }
      case 'pubcomp':
        session.acknowledge(packet.messageId ?? 0, now);
        return;
      case 'pubrel': {
        const known = session.incomingQos2.delete(packet.messageId ?? 0);
        const reasonCode = known || connection.version !== 5 ? 0 : 0x92;
        connection.write({
          cmd: 'pubcomp',
          messageId: packet.messageId ?? 0,
          ...(reasonCode ? { reasonCode } : {}),
        });
        return;
      }
      case 'subscribe':
        this.#subscribe(connection, session, packet);
        return;
      case 'unsubscribe':
        this.#unsubscribe(connection, session, packet);
        return;
      case 'pingreq':
        connection.write({ cmd: 'pingresp' });
        return;
      case 'disconnect':
        this.#onDisconnect(connection, session, packet);
        return;
      default:
        connection.close(`a client may not send ${packet.cmd}`, 0x82);
    }
  }

  #onDisconnect(connection: Connection, session: Session, packet: Packet & { cmd: 'disconnect' }): void {
    const expiry = packet.properties?.sessionExpiryInterval;
    if (expiry !== undefined) {
      // [MQTT-3.14.2-2] / 3.1.2.11.2: a session that was to end with the connection may not be prolonged now.
      if (session.expiryS === 0 && expiry > 0) {
        connection.close('a session that was to end cannot be prolonged', 0x82);
        return;
      }
      session.expiryS = Math.min(expiry, this.#limits.sessionExpirySMax);
    }
    // Reason 0x04 asks for the will all the same (3.14.2.1).
    if ((packet.reasonCode ?? 0) !== 0x04) connection.markOrderly();
    connection.close('the client disconnected');
  }

  #subscribe(connection: Connection, session: Session, packet: ISubscribePacket): void {
    const identifier = packet.properties?.subscriptionIdentifier;
    const granted: number[] = [];
    const retained: { filter: string; messages: Message[] }[] = [];
    for (const wanted of packet.subscriptions) {
      const code = this.#subscribeOne(connection, session, wanted, identifier, retained);
      granted.push(connection.version === 5 || code < 0x80 ? code : 0x80);
    }
    connection.write({ cmd: 'suback', messageId: packet.messageId ?? 0, granted });
    for (const { filter, messages } of retained) {
      const subscription = session.subscriptions.get(filter);
      if (!subscription) continue;
      for (const message of messages)
        this.#deliver({ clientId: session.clientId, subscriptions: [subscription] }, message, true);
    }
  }

  #subscribeOne(
    connection: Connection,
    session: Session,
    wanted: ISubscribePacket['subscriptions'][number],
    identifier: number | undefined,
    retained: { filter: string; messages: Message[] }[],
  ): number {
    const filter = wanted.topic;
    if (!isValidFilter(filter)) return ReasonCode.topicFilterInvalid;
    const shared = shareOf(filter);
    // [MQTT-3.8.3-4]: no local on a shared subscription is a protocol error.
    if (shared?.share !== undefined && wanted.nl) {
      connection.close('no local on a shared subscription', 0x82);
      return 0x82;
    }
    if (!this.#options.authorizer.maySubscribe(session.principal, filter)) {
      this.#options.observer.on({ type: 'subscribe_refused', principal: session.principal, filter });
      return ReasonCode.notAuthorized;
    }
    const subscription = {
      clientId: session.clientId,
      filter,
      qos: wanted.qos,
      noLocal: wanted.nl ?? false,
      retainAsPublished: wanted.rap ?? false,
      identifier,
    };
    const isNew = this.#tree.add(subscription);
    session.subscriptions.set(filter, subscription);
    // Retain handling: 0 always, 1 only when new, 2 never (3.8.3.1).
    const handling = wanted.rh ?? 0;
    if (handling === 0 || (handling === 1 && isNew)) {
      retained.push({ filter, messages: this.#retained.matching(filter, this.#clock.nowMs()) });
    }
    return wanted.qos;
  }

  #unsubscribe(connection: Connection, session: Session, packet: IUnsubscribePacket): void {
    const granted = packet.unsubscriptions.map((filter) => {
      session.subscriptions.delete(filter);
      return this.#tree.remove(session.clientId, filter) ? 0x00 : 0x11;
    });
    connection.write({ cmd: 'unsuback', messageId: packet.messageId ?? 0, granted });
  }

  // ---- publish

  resolveTopic(connection: Connection, topic: string): TopicEntry {
    const { principal } = connection.session!;
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

  publishFrom(
    connection: Connection,
    entry: TopicEntry,
    bytes: Buffer,
    view: PublishView,
    properties: PublishProperties | undefined,
  ): void {
    const session = connection.session!;
    this.#received++;
    this.#rates.count(session.principal);
    if (!entry.allowed) {
      this.#refusedPublishes++;
      this.#options.observer.on({
        type: 'publish_refused',
        principal: session.principal,
        topic: entry.topic,
        reason: 'not its own topic',
      });
      connection.reply(view, ReasonCode.notAuthorized);
      return;
    }
    if (view.qos === 2 && !this.#beginQos2(connection, session, view)) return;
    if (entry.binding && this.#batcher) {
      if (this.#matchesOf(entry).length > 0)
        this.#fanOut(entry, this.#messageOf(session, entry, bytes, view, properties));
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
    const message = this.#messageOf(session, entry, bytes, view, properties);
    const reached = this.#routeEntry(entry, message);
    connection.reply(
      view,
      reached === 0 && connection.version === 5 ? ReasonCode.noMatchingSubscribers : ReasonCode.success,
    );
  }

  /** False when the packet id is already known: a redelivery is answered, not handled twice ([MQTT-4.3.3-10]). */
  #beginQos2(connection: Connection, session: Session, view: PublishView): boolean {
    const state = session.incomingQos2.get(view.packetId);
    if (state === 'received') connection.reply(view, ReasonCode.success);
    else if (state === 'pending') connection.unanswered--;
    else session.incomingQos2.set(view.packetId, 'pending');
    return state === undefined;
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
    if (this.#paused.includes(connection)) return;
    this.#paused.push(connection);
    connection.pause();
  }

  #resumeAll(): void {
    for (const connection of this.#paused.splice(0)) connection.resume();
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
    return this.#tree.match(topic, (clientId) => this.#byClientId.has(clientId));
  }

  /** A will or a message of the owner: through the ingress when it is the ingress's topic, to subscribers always. */
  #publishAs(principal: Principal, message: Message): void {
    const binding = this.#options.ingress?.bind(principal, message.topic);
    if (binding && this.#batcher) {
      const nobody = { answer: () => {}, flushAnswers: () => {} };
      this.#batcher.add(
        nobody,
        binding,
        message.payload,
        0,
        message.payload.length,
        message.qos,
        false,
        0,
        message.properties.contentType,
      );
    }
    this.#route(message);
  }

  #route(message: Message): number {
    if (!isValidTopic(message.topic)) return 0;
    if (message.retain) this.#retained.set(message);
    const matches = this.#matchTopic(message.topic);
    for (const match of matches) this.#deliver(match, message, false);
    return matches.length;
  }

  #routeEntry(entry: TopicEntry, message: Message): number {
    if (message.retain) this.#retained.set(message);
    return this.#fanOut(entry, message);
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
    const wanted = match.subscriptions.filter((s) => !(s.noLocal && message.from === match.clientId));
    if (wanted.length === 0) return;
    const qos = Math.min(message.qos, Math.max(...wanted.map((s) => s.qos))) as 0 | 1 | 2;
    const retain = fromRetained || (message.retain && wanted.some((s) => s.retainAsPublished));
    const identifiers = wanted.flatMap((s) => (s.identifier === undefined ? [] : [s.identifier]));
    this.#delivered++;
    session.deliver({ message, qos, retain, identifiers }, this.#clock.nowMs());
  }
}

function willOf(packet: IConnectPacket, clientId: string): Will | undefined {
  const { will } = packet;
  if (!will) return undefined;
  const { willDelayInterval, messageExpiryInterval: _expiry, ...properties } = will.properties ?? {};
  return {
    delayS: willDelayInterval ?? 0,
    message: {
      topic: will.topic,
      payload: Buffer.from(will.payload),
      qos: will.qos ?? 0,
      retain: will.retain ?? false,
      properties: properties as PublishProperties,
      expiresAtMs: undefined,
      from: clientId,
    },
  };
}
