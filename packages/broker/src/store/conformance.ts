import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Message, QueuedDelivery } from '../session.js';
import type { SessionStore, StoredState } from './store.js';

export interface StoreUnderTest {
  /** What is committed outlives the store object. */
  readonly durable: boolean;
  /** A new store object on the same place, when `durable`. */
  readonly open: () => SessionStore;
  readonly remove: () => void;
}

const subscription = (filter: string) => ({
  clientId: 'a',
  filter,
  qos: 1 as const,
  noLocal: true,
  retainAsPublished: true,
  identifier: 268_435_455,
});

/** A message with every property a PUBLISH can have. */
function fullMessage(topic: string): Message {
  return {
    topic,
    payload: Buffer.from([0, 255, 10]),
    qos: 2,
    retain: true,
    properties: {
      payloadFormatIndicator: true,
      messageExpiryInterval: 60,
      contentType: 'application/x',
      responseTopic: 'r/ü',
      correlationData: Buffer.from([1, 0, 254]),
      userProperties: { k: ['a', 'b'], z: '' },
    },
    expiresAtMs: 1_800_000_000_123,
    from: 'sender',
  };
}

function queued(order: number, message: Message, packetId = 0): QueuedDelivery {
  const delivery = { message, qos: 2 as const, retain: false, identifiers: [1, 200] };
  return { delivery, order, packetId, released: false, sent: false };
}

/** What every session store does. Call it inside a test file with a factory. */
export function storeConformance(make: () => StoreUnderTest): void {
  describe('a session store', () => {
    let place: StoreUnderTest;
    let store: SessionStore;

    beforeEach(() => {
      place = make();
      store = place.open();
      store.open();
      store.putSession({ clientId: 'a', expiryS: 100, disconnectedAtMs: undefined });
    });
    afterEach(() => {
      store.close();
      place.remove();
    });

    /** Commits, and reads with a new object where the kind of store allows it. */
    function reread(): StoredState {
      store.commit();
      expect(store.dirty).toBe(false);
      if (!place.durable) return store.open();
      store.close();
      store = place.open();
      return store.open();
    }

    it('says whether it is durable', () => expect(store.durable).toBe(place.durable));

    it('keeps sessions, and their changes replace them', () => {
      store.putSession({ clientId: 'b', expiryS: 5.5, disconnectedAtMs: 7 });
      store.putSession({ clientId: 'b', expiryS: 6, disconnectedAtMs: 8 });
      const sessions = reread().sessions.map(({ clientId, expiryS, disconnectedAtMs }) => ({
        clientId,
        expiryS,
        disconnectedAtMs,
      }));
      expect(sessions).toEqual([
        { clientId: 'a', expiryS: 100, disconnectedAtMs: undefined },
        { clientId: 'b', expiryS: 6, disconnectedAtMs: 8 },
      ]);
    });

    it('keeps subscriptions with their options', () => {
      store.putSubscription(subscription('x/#'));
      store.putSubscription(subscription('y'));
      store.commit();
      store.removeSubscription('a', 'y');
      expect(reread().sessions[0]!.subscriptions).toEqual([subscription('x/#')]);
    });

    it('keeps deliveries in order with every property, and shares the message of many', () => {
      const message = fullMessage('t');
      store.putSession({ clientId: 'b', expiryS: 100, disconnectedAtMs: undefined });
      store.putDelivery('a', queued(1, message));
      store.putDelivery('a', queued(2, { ...message, topic: 'u' }));
      store.putDelivery('b', queued(1, message));
      const [a, b] = reread().sessions;
      expect(a!.deliveries.map((each) => each.delivery.message.topic)).toEqual(['t', 'u']);
      expect(a!.deliveries[0]!.delivery).toEqual(queued(1, message).delivery);
      expect(b!.deliveries[0]!.delivery.message).toBe(a!.deliveries[0]!.delivery.message);
    });

    it('keeps the packet id and the state of a delivery in flight', () => {
      const flight = queued(1, fullMessage('t'));
      store.putDelivery('a', flight);
      store.commit();
      flight.packetId = 9;
      flight.released = true;
      store.putDelivery('a', flight);
      const [kept] = reread().sessions[0]!.deliveries;
      expect([kept!.packetId, kept!.released]).toEqual([9, true]);
    });

    it('forgets what was acknowledged, before and after its commit', () => {
      const message = fullMessage('t');
      const [first, second, third] = [queued(1, message), queued(2, message), queued(3, message)];
      store.putDelivery('a', first);
      store.removeDelivery('a', first);
      store.putDelivery('a', second);
      store.putDelivery('a', third);
      store.commit();
      store.removeDelivery('a', second);
      expect(reread().sessions[0]!.deliveries.map((each) => each.order)).toEqual([3]);
    });

    it('keeps the packet ids of QoS 2 messages received', () => {
      store.putIncoming('a', 7);
      store.putIncoming('a', 8);
      store.commit();
      store.putIncoming('a', 8);
      store.removeIncoming('a', 7);
      expect(reread().sessions[0]!.incomingQos2).toEqual([8]);
    });

    it('forgets a session with all that belongs to it, and can keep a new one of that name', () => {
      store.putSubscription(subscription('x'));
      store.putDelivery('a', queued(1, fullMessage('t')));
      store.putIncoming('a', 1);
      store.commit();
      store.putDelivery('a', queued(2, fullMessage('t')));
      store.removeSession('a');
      store.putSession({ clientId: 'a', expiryS: 1, disconnectedAtMs: 1 });
      store.putSubscription(subscription('new'));
      const [kept, ...others] = reread().sessions;
      expect(others).toEqual([]);
      expect(kept).toEqual({
        clientId: 'a',
        expiryS: 1,
        disconnectedAtMs: 1,
        subscriptions: [subscription('new')],
        deliveries: [],
        incomingQos2: [],
      });
    });

    it('keeps the last retained message of a topic until it is removed', () => {
      store.putRetained({ ...fullMessage('r'), payload: Buffer.from('old') });
      store.commit();
      store.putRetained(fullMessage('r'));
      store.putRetained(fullMessage('s'));
      store.commit();
      store.removeRetained('s');
      expect(reread().retained).toEqual([fullMessage('r')]);
    });
  });
}
