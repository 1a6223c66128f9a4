import {
  type Clock,
  createUlidFactory,
  type Logger,
  type Random,
  type Service,
  type Timer,
} from '@millrace/foundation';
import type {
  Authenticator,
  Authorizer,
  FrontDoorObserver,
  Ingress,
  MqttMessage,
  Principal,
  PublishProperties,
  PublishView,
} from '@millrace/mqtt';
import type { IConnectPacket, Packet } from 'mqtt-packet';
import { Connection, type ConnectionEnd, type ConnectionHost } from './connection.js';
import { connackOf, refusalOf, termsOf } from './handshake.js';
import { type BrokerLimits, defaultBrokerLimits } from './limits.js';
import { type AcceptedSocket, Listener, type ListenerOptions, type TlsMaterial } from './listener.js';
import { Router } from './router.js';
import { isExpired, type Session } from './session.js';
import { SessionKeeper } from './sessions.js';
import { GroupCommit } from './store/group-commit.js';
import { MemoryStore } from './store/memory.js';
import type { SessionStore, StoredState } from './store/store.js';
import { Subscribing } from './subscribing.js';
import { isValidTopic, SubscriptionTree } from './subscriptions.js';
import type { TopicEntry } from './topic-table.js';
import { Trust } from './trust.js';
import { WriteTurn } from './write-turn.js';

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
  /** Where sessions and retained messages outlive the process; in memory when there is none. Opened by `start`. */
  readonly store?: SessionStore;
  readonly limits?: Partial<BrokerLimits>;
}

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
  /** Connections closed because the client broke the protocol. */
  readonly protocolErrors: number;
  /** Bytes of messages that wait for subscribers. */
  readonly queuedBytes: number;
  /** Commits of the session store that failed. */
  readonly storeFailures: number;
}

export interface Broker extends Service {
  readonly listenerPorts: readonly number[];
  /** Gives a message to subscribers as the broker's owner. */
  publish(message: MqttMessage): void;
  /** Closes a client's connection and says why; true when it was connected. */
  disconnectClient(clientId: string, reason: string): boolean;
  /**
   * Takes new certificates, CA or CRLs for every TLS listener, without a restart, and closes the connections whose
   * certificate they revoke or do not trust any more.
   */
  reloadTls(tls: TlsMaterial): void;
  /** Asks for every client's rights again: at its next PUBLISH, and now for the subscriptions it has. */
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
  readonly #tree = new SubscriptionTree();
  readonly #keeping: GroupCommit;
  readonly #sessions: SessionKeeper;
  readonly #router: Router;
  readonly #subscribing: Subscribing;
  readonly #newId: () => string;
  readonly #turn = new WriteTurn();
  #trust: Trust | undefined;
  #keepAlive: Timer | undefined;
  #refusedConnects = 0;
  #protocolErrors = 0;
  #started = false;
  #stopping = false;

  constructor(options: BrokerOptions) {
    this.#options = options;
    const limits = { ...defaultBrokerLimits, ...options.limits };
    this.#limits = limits;
    const { clock, logger, authorizer, observer, ingress } = options;
    this.#clock = clock;
    const tree = this.#tree;
    const keeping = new GroupCommit(options.store ?? new MemoryStore(), clock, logger, limits.commitLingerMs);
    this.#keeping = keeping;
    this.#sessions = new SessionKeeper({
      clock,
      tree,
      keeping,
      queuedBytesMax: limits.queuedBytesMax,
      publishWill: (principal, message) => this.#router.publishWill(principal, message),
    });
    const sessions = this.#sessions;
    const { lingerMs } = limits;
    this.#router = new Router({ ingress, authorizer, observer, clock, lingerMs, sessions, tree, keeping });
    this.#subscribing = new Subscribing({
      authorizer,
      observer,
      sessions,
      router: this.#router,
      perSessionMax: limits.subscriptionsMaxPerSession,
    });
    this.#newId = createUlidFactory(clock, options.random);
    this.#listeners = options.listeners.map(
      (listener) =>
        new Listener(
          listener,
          (accepted) => this.#accept(accepted),
          (remoteAddress, reason) => this.#refuse('', remoteAddress, reason, undefined),
        ),
    );
  }

  get listenerPorts(): readonly number[] {
    return this.#listeners.map((listener) => listener.port);
  }

  async start(): Promise<void> {
    this.#restore(this.#keeping.store.open());
    this.#started = true;
    const opened: Listener[] = [];
    try {
      for (const listener of this.#listeners) {
        await listener.start();
        opened.push(listener);
      }
    } catch (error) {
      for (const listener of opened) await listener.stop();
      this.#started = false;
      this.#keeping.store.close();
      throw error;
    }
    this.#keepAlive = this.#clock.every(1000, () => this.#closeSilent(), { unref: true });
  }

  async stop(): Promise<void> {
    if (!this.#started) return;
    this.#started = false;
    this.#stopping = true;
    this.#keepAlive?.cancel();
    for (const connection of [...this.#connections]) connection.pause();
    await this.#drained();
    this.#keeping.flush();
    for (const connection of [...this.#connections]) connection.close('the broker is stopping', 0x8b);
    await this.#drained();
    this.#sessions.stop();
    await Promise.all(this.#listeners.map((listener) => listener.stop()));
    this.#keeping.flush();
    this.#keeping.store.close();
  }

  publish(message: MqttMessage): void {
    const { topic, payload, qos, retain, contentType, messageExpiryS } = message;
    this.#router.route({
      topic,
      payload: Buffer.from(payload),
      qos,
      retain,
      properties: contentType === undefined ? {} : { contentType },
      expiresAtMs: messageExpiryS === undefined ? undefined : this.#clock.nowMs() + messageExpiryS * 1000,
      from: '',
    });
  }

  disconnectClient(clientId: string, reason: string): boolean {
    const connection = this.#sessions.connectionOf(clientId);
    connection?.close(reason, 0x98);
    return connection !== undefined;
  }

  reloadTls(tls: TlsMaterial): void {
    const trust = new Trust(tls);
    for (const listener of this.#listeners) listener.reload(tls);
    this.#trust = trust;
    for (const connection of [...this.#connections]) {
      const certificate = connection.peerCertificate();
      const refusal = certificate && trust.refuses(certificate);
      if (!refusal) continue;
      this.#refuse(
        connection.session?.clientId ?? '',
        connection.remoteAddress,
        refusal,
        connection.certificate?.serial,
      );
      connection.close(refusal, 0x87);
    }
  }

  refreshRights(): void {
    for (const connection of this.#connections) {
      connection.topics.clear();
      if (connection.session && connection.accepted) this.#subscribing.refresh(connection.session);
    }
  }

  stats(): BrokerStats {
    return {
      connections: this.#sessions.connectedCount,
      sessions: this.#sessions.count,
      subscriptions: this.#tree.count,
      retained: this.#router.retained.size,
      received: this.#router.received,
      delivered: this.#router.delivered,
      refusedPublishes: this.#router.refused,
      refusedConnects: this.#refusedConnects,
      dropped: this.#sessions.dropped,
      paused: this.#router.paused,
      protocolErrors: this.#protocolErrors,
      queuedBytes: this.#sessions.budget.bytes,
      storeFailures: this.#keeping.failures,
    };
  }

  /** Waits for the ingress, but not for ever: what it has not answered is sent again by its client. */
  async #drained(): Promise<void> {
    let timer: Timer | undefined;
    const late = new Promise<void>((resolve) => {
      timer = this.#clock.after(this.#limits.drainMsMax, resolve);
    });
    await Promise.race([this.#router.drained(), late]);
    timer?.cancel();
  }

  #restore(state: StoredState): void {
    const now = this.#clock.nowMs();
    for (const message of state.retained) {
      if (isExpired(message, now)) this.#keeping.store.removeRetained(message.topic);
      else this.#router.retained.set(message);
    }
    this.#sessions.restore(state);
  }

  // ---- connections

  #accept(accepted: AcceptedSocket): void {
    const refusal = this.#refusalOf(accepted);
    if (refusal) {
      accepted.socket.destroy();
      this.#refuse('', accepted.remoteAddress, refusal, accepted.certificate?.serial);
      return;
    }
    const { logger } = this.#options;
    const services = { host: this, limits: this.#limits, logger, clock: this.#clock, turn: this.#turn };
    const connection = new Connection(accepted, services);
    this.#connections.add(connection);
    connection.open();
  }

  #refusalOf(accepted: AcceptedSocket): string | undefined {
    if (this.#stopping) return 'the broker is stopping';
    if (this.#connections.size >= this.#limits.connectionsMax) return 'too many connections';
    // A handshake that was under way during a reload was verified by the old lists.
    const certificate = this.#trust && accepted.peerCertificate();
    return certificate && this.#trust?.refuses(certificate);
  }

  connect(connection: Connection, packet: IConnectPacket): void {
    // Reading pauses until the answer, so that no packet is handled before the client is known.
    connection.pause();
    void this.#authenticate(connection, packet)
      .catch((error: unknown) => {
        this.#options.logger.error('A CONNECT could not be decided.', { reason: String(error) });
        this.#rejectConnect(connection, packet, 0x88, 'the server is unavailable');
      })
      .finally(() => connection.connected());
  }

  async #authenticate(connection: Connection, packet: IConnectPacket): Promise<void> {
    const assigned = packet.clientId === '' ? `auto-${this.#newId()}` : undefined;
    if (assigned && connection.version < 5 && !packet.clean) {
      // [MQTT-3.1.3-8] of 3.1.1: an empty client id needs a clean session.
      this.#rejectConnect(connection, packet, 0x85, 'an empty client id needs a clean session');
      return;
    }
    if (packet.properties?.authenticationMethod !== undefined) {
      // 4.12: no method of enhanced authentication is offered.
      this.#rejectConnect(connection, packet, 0x8c, 'the authentication method is not supported');
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
    if (!decision.ok) this.#rejectConnect(connection, packet, decision.reasonCode, decision.reason);
    else if (this.#sessions.count >= this.#limits.sessionsMax && !this.#sessions.get(packet.clientId))
      this.#rejectConnect(connection, packet, 0x97, 'too many sessions');
    else this.#attach(connection, packet, decision.principal, assigned);
  }

  #rejectConnect(connection: Connection, packet: IConnectPacket, reasonCode: number, reason: string): void {
    this.#refuse(packet.clientId, connection.remoteAddress, reason, connection.certificate?.serial);
    connection.write(refusalOf(connection.version, reasonCode, reason));
    connection.close(reason, reasonCode);
  }

  #refuse(
    clientId: string,
    remoteAddress: string,
    reason: string,
    certificateSerial: string | undefined,
  ): void {
    this.#refusedConnects++;
    this.#options.observer.on({
      type: 'connect_refused',
      clientId,
      remoteAddress,
      reason,
      certificateSerial,
    });
  }

  #attach(
    connection: Connection,
    packet: IConnectPacket,
    principal: Principal,
    assigned: string | undefined,
  ): void {
    const terms = termsOf(packet, principal, assigned, this.#limits);
    // [MQTT-3.1.4-3]: a second connection with the same client id takes the session over.
    this.#sessions.connectionOf(terms.clientId)?.close('taken over by another connection', 0x8e);
    const { session, present } = this.#sessions.attach({ connection, ...terms });
    connection.session = session;
    connection.receiveMaximum = terms.receiveMaximum;
    connection.topicAliasMaximum = terms.topicAliasMaximum;
    connection.clientPacketBytesMax = terms.packetBytesMax;
    connection.keepAliveMs = terms.keepAliveS * 1500;
    connection.write(connackOf(terms, present, this.#limits));
    connection.accepted = true;
    session.port = connection;
    this.#options.observer.on({ type: 'connected', principal, remoteAddress: connection.remoteAddress });
    // Rights may have changed while the client was away.
    if (present) this.#subscribing.refresh(session);
    session.resume(this.#clock.nowMs());
  }

  closed(connection: Connection, end: ConnectionEnd): void {
    this.#connections.delete(connection);
    this.#router.forget(connection);
    if (end.fault) this.#protocolErrors++;
    const { session } = connection;
    if (!session) return;
    const { principal } = session;
    const { reason, orderly } = end;
    this.#options.observer.on({ type: 'disconnected', principal, reason, orderly });
    this.#sessions.detach(connection, session, orderly);
  }

  /** [MQTT-3.1.2-24]: silence for one and a half times the keep alive ends the connection, unless it is ours. */
  #closeSilent(): void {
    const now = this.#clock.monotonicMs();
    for (const connection of this.#connections) {
      if (connection.paused) continue;
      if (connection.keepAliveMs > 0 && now - connection.lastPacketAtMs > connection.keepAliveMs)
        connection.close('no packet within one and a half times the keep alive', 0x8d);
    }
  }

  // ---- packets

  packet(connection: Connection, packet: Packet): void {
    const session = connection.session!;
    const now = this.#clock.nowMs();
    switch (packet.cmd) {
      case 'puback':
      case 'pubcomp':
        session.acknowledge(packet.messageId ?? 0, now);
        return;
      case 'pubrec':
        this.#onPubrec(connection, session, packet.messageId ?? 0, packet.reasonCode ?? 0);
        return;
      case 'pubrel':
        this.#onPubrel(connection, session, packet.messageId ?? 0);
        return;
      case 'subscribe':
        this.#subscribing.subscribe(connection, session, packet);
        return;
      case 'unsubscribe':
        this.#subscribing.unsubscribe(connection, session, packet);
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

  #onPubrec(connection: Connection, session: Session, messageId: number, reasonCode: number): void {
    if (reasonCode >= 0x80) {
      session.acknowledge(messageId, this.#clock.nowMs());
    } else if (!session.release(messageId) && connection.version === 5) {
      connection.write({ cmd: 'pubrel', messageId, reasonCode: 0x92 });
    } else {
      // PUBREL frees the packet id at the client: only when that is durable here may it be sent.
      whenKept(session, () => connection.sendPubrel(messageId));
    }
  }

  #onPubrel(connection: Connection, session: Session, messageId: number): void {
    const known = session.endIncoming(messageId);
    if (known) connection.completed();
    const reasonCode = known || connection.version !== 5 ? 0 : 0x92;
    // After PUBCOMP the client may use the id for another message, so it must be forgotten for good first.
    whenKept(session, () =>
      connection.write({ cmd: 'pubcomp', messageId, ...(reasonCode ? { reasonCode } : {}) }),
    );
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

  resolveTopic(connection: Connection, topic: string): TopicEntry {
    return this.#router.resolveTopic(connection.session!.principal, topic);
  }

  publishFrom(
    connection: Connection,
    entry: TopicEntry,
    bytes: Buffer,
    view: PublishView,
    properties: PublishProperties | undefined,
  ): void {
    const { responseTopic } = properties ?? {};
    // [MQTT-3.3.2-14]: a response topic has no wildcard.
    if (responseTopic !== undefined && !isValidTopic(responseTopic)) {
      connection.close('an invalid response topic', 0x82);
      return;
    }
    this.#router.publishFrom(connection, connection.session!, entry, bytes, view, properties);
  }
}

function whenKept(session: Session, send: () => void): void {
  if (!session.keeping) send();
  else
    session.keeping.after((ok) => {
      if (ok) send();
    });
}
