import type { Message, QueuedDelivery } from '../session.js';
import type { Subscription } from '../subscriptions.js';
import type { SessionStore, StoredSession, StoredState } from './store.js';

interface Kept {
  session: StoredSession;
  readonly subscriptions: Map<string, Subscription>;
  readonly deliveries: Map<number, QueuedDelivery>;
  readonly incoming: Set<number>;
}

/** Keeps references only: what it holds ends with the process. */
export class MemoryStore implements SessionStore {
  readonly durable = false;
  readonly dirty = false;
  readonly #sessions = new Map<string, Kept>();
  readonly #retained = new Map<string, Message>();

  open(): StoredState {
    return {
      sessions: [...this.#sessions.values()].map((kept) => ({
        ...kept.session,
        subscriptions: [...kept.subscriptions.values()],
        deliveries: [...kept.deliveries.values()],
        incomingQos2: [...kept.incoming],
      })),
      retained: [...this.#retained.values()],
    };
  }

  putSession(session: StoredSession): void {
    const kept = this.#sessions.get(session.clientId);
    if (kept) kept.session = session;
    else
      this.#sessions.set(session.clientId, {
        session,
        subscriptions: new Map(),
        deliveries: new Map(),
        incoming: new Set(),
      });
  }

  removeSession(clientId: string): void {
    this.#sessions.delete(clientId);
  }

  putSubscription(subscription: Subscription): void {
    this.#sessions.get(subscription.clientId)?.subscriptions.set(subscription.filter, subscription);
  }

  removeSubscription(clientId: string, filter: string): void {
    this.#sessions.get(clientId)?.subscriptions.delete(filter);
  }

  putDelivery(clientId: string, delivery: QueuedDelivery): void {
    this.#sessions.get(clientId)?.deliveries.set(delivery.order, delivery);
  }

  removeDelivery(clientId: string, delivery: QueuedDelivery): void {
    this.#sessions.get(clientId)?.deliveries.delete(delivery.order);
  }

  putIncoming(clientId: string, packetId: number): void {
    this.#sessions.get(clientId)?.incoming.add(packetId);
  }

  removeIncoming(clientId: string, packetId: number): void {
    this.#sessions.get(clientId)?.incoming.delete(packetId);
  }

  putRetained(message: Message): void {
    this.#retained.set(message.topic, message);
  }

  removeRetained(topic: string): void {
    this.#retained.delete(topic);
  }

  commit(): void {}

  close(): void {}
}
