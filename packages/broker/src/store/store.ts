import type { Message, QueuedDelivery } from '../session.js';
import type { Subscription } from '../subscriptions.js';

/** A session as it outlives the process. */
export interface StoredSession {
  readonly clientId: string;
  /** Seconds the session outlives its connection. */
  readonly expiryS: number;
  /** Wall time at which its connection ended, ms; undefined = it was connected. */
  readonly disconnectedAtMs: number | undefined;
}

export interface StoredState {
  readonly sessions: readonly (StoredSession & {
    readonly subscriptions: readonly Subscription[];
    /** Queued and in flight, oldest first. */
    readonly deliveries: readonly QueuedDelivery[];
    /** Packet ids of QoS 2 messages received and not yet released (MQTT 5, 4.3.3). */
    readonly incomingQos2: readonly number[];
  })[];
  readonly retained: readonly Message[];
}

/**
 * Where sessions with an expiry and retained messages are kept. Changes collect until `commit`, which makes all of
 * them durable at once (or throws and keeps them for the next try). Everything is synchronous; nobody else writes.
 */
export interface SessionStore {
  /** What is kept outlives the process. */
  readonly durable: boolean;
  /** True when there is something to commit. */
  readonly dirty: boolean;
  /** Opens and reads everything. */
  open(): StoredState;
  /** Adds or replaces the session's own row. */
  putSession(session: StoredSession): void;
  /** Forgets the session and all that belongs to it. */
  removeSession(clientId: string): void;
  putSubscription(subscription: Subscription): void;
  removeSubscription(clientId: string, filter: string): void;
  /** Adds the delivery or keeps its changed packet id and state; its fields are read at the commit. */
  putDelivery(clientId: string, delivery: QueuedDelivery): void;
  removeDelivery(clientId: string, delivery: QueuedDelivery): void;
  putIncoming(clientId: string, packetId: number): void;
  removeIncoming(clientId: string, packetId: number): void;
  putRetained(message: Message): void;
  removeRetained(topic: string): void;
  commit(): void;
  close(): void;
}
