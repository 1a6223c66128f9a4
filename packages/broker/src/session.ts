import type { Principal, PublishProperties } from '@millrace/mqtt';
import type { GroupCommit } from './store/group-commit.js';
import type { Subscription } from './subscriptions.js';

/** A message on its way to subscribers. */
export interface Message {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly properties: PublishProperties;
  /** Wall time after which it is not delivered any more (MQTT 5, 3.3.2.3.3); undefined = never. */
  readonly expiresAtMs: number | undefined;
  /** Client id of the publisher; empty for the broker's owner. */
  readonly from: string;
}

/** A message as one subscriber receives it. */
export interface Delivery {
  readonly message: Message;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly identifiers: readonly number[];
}

/** A delivery with QoS > 0 in a session: queued while it has no packet id, in flight afterwards. */
export interface QueuedDelivery {
  readonly delivery: Delivery;
  /** Its place among the session's deliveries. */
  readonly order: number;
  packetId: number;
  /** QoS 2: the PUBREC has come, PUBREL is due (MQTT 5, 4.3.3). */
  released: boolean;
  /** It has been on the wire at least once, so it carries DUP from now on ([MQTT-3.3.1-1]). */
  sent: boolean;
}

export interface Will {
  readonly message: Message;
  readonly delayS: number;
}

/** What a session needs of the connection it is attached to. */
export interface DeliveryPort {
  send(packetId: number, delivery: Delivery, dup: boolean): void;
  sendPubrel(packetId: number): void;
  /** Messages with QoS > 0 the client takes before it acknowledges (receive maximum). */
  readonly receiveMaximum: number;
  readonly writable: boolean;
}

/** What waits for subscribers in all sessions together. Above `max` publishers are refused. */
export class QueueBudget {
  readonly max: number;
  bytes = 0;

  constructor(max: number) {
    this.max = max;
  }

  get full(): boolean {
    return this.bytes >= this.max;
  }
}

/**
 * Messages a session may hold for a client that is away or slow, beside those in flight, which its receive maximum
 * bounds. Above it the newest is dropped and counted.
 */
export const sessionQueueMax = 10_000;

/** Bytes counted for a waiting message beside its payload. */
const deliveryOverheadBytes = 200;

/** A client's state that outlives its connection (MQTT 5, 4.1). */
export class Session {
  readonly clientId: string;
  principal: Principal;
  readonly subscriptions = new Map<string, Subscription>();
  port: DeliveryPort | undefined;
  will: Will | undefined;
  /** Seconds the session outlives its connection. */
  expiryS = 0;
  /** Where the session is kept; undefined when it ends with its connection. */
  keeping: GroupCommit | undefined;
  readonly #budget: QueueBudget;
  readonly #incomingQos2 = new Map<number, 'pending' | 'received'>();
  readonly #inFlight = new Map<number, QueuedDelivery>();
  #queue: QueuedDelivery[] = [];
  #head = 0;
  #nextOrder = 1;
  #nextId = 0;
  #heldBytes = 0;
  #dropped = 0;

  constructor(clientId: string, principal: Principal, budget: QueueBudget) {
    this.clientId = clientId;
    this.principal = principal;
    this.#budget = budget;
  }

  /** Queued and in flight. */
  get queued(): number {
    return this.#queue.length - this.#head + this.#inFlight.size;
  }

  /** Messages refused because the queue was full, or dropped as QoS 0 to a slow or absent client. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes over what a store kept. */
  restore(deliveries: readonly QueuedDelivery[], incomingQos2: readonly number[]): void {
    for (const packetId of incomingQos2) this.#incomingQos2.set(packetId, 'received');
    for (const queued of deliveries) {
      this.#hold(queued.delivery, 1);
      this.#nextOrder = Math.max(this.#nextOrder, queued.order + 1);
      if (queued.packetId > 0) this.#inFlight.set(queued.packetId, queued);
      else this.#queue.push(queued);
    }
  }

  /** Sends or queues. QoS 0 is never queued: it is for who is there now. */
  deliver(delivery: Delivery, nowMs: number): void {
    const { port } = this;
    if (delivery.qos === 0) {
      if (port?.writable) port.send(0, delivery, false);
      else this.#dropped++;
      return;
    }
    if (this.#queue.length - this.#head >= sessionQueueMax || (this.#budget.full && !port)) {
      this.#dropped++;
      return;
    }
    const queued = { delivery, order: this.#nextOrder++, packetId: 0, released: false, sent: false };
    this.#hold(delivery, 1);
    this.#queue.push(queued);
    this.#keep(queued);
    this.pump(nowMs);
  }

  /** Sends what the window allows, oldest first. */
  pump(nowMs: number): void {
    const { port } = this;
    if (!port) return;
    while (port.writable && this.#inFlight.size < port.receiveMaximum) {
      const queued = this.#shift();
      if (!queued) return;
      if (isExpired(queued.delivery.message, nowMs)) {
        this.#forget(queued);
        continue;
      }
      queued.packetId = this.#takeId();
      this.#inFlight.set(queued.packetId, queued);
      if (this.keeping && queued.delivery.qos === 2) this.#sendWhenKept(queued, port);
      else this.#send(queued, port);
    }
  }

  /** After a resumed connection: everything unacknowledged again, in order ([MQTT-4.4.0-1], [MQTT-4.6.0-1]). */
  resume(nowMs: number): void {
    const { port } = this;
    if (!port) return;
    for (const queued of [...this.#inFlight.values()]) {
      if (queued.released) port.sendPubrel(queued.packetId);
      else this.#send(queued, port);
    }
    this.pump(nowMs);
  }

  /** PUBACK, PUBCOMP or a PUBREC that refuses: the message is the client's. */
  acknowledge(packetId: number, nowMs: number): boolean {
    const queued = this.#inFlight.get(packetId);
    if (queued) {
      this.#inFlight.delete(packetId);
      this.#forget(queued);
    }
    this.pump(nowMs);
    return queued !== undefined;
  }

  /** PUBREC: false when the packet id is unknown. */
  release(packetId: number): boolean {
    const queued = this.#inFlight.get(packetId);
    if (!queued) return false;
    queued.released = true;
    this.#keep(queued);
    return true;
  }

  /** What is known of a QoS 2 packet id from the client; `new` ones are remembered ([MQTT-4.3.3-10]). */
  beginIncoming(packetId: number): 'new' | 'pending' | 'received' {
    const state = this.#incomingQos2.get(packetId);
    if (state) return state;
    this.#incomingQos2.set(packetId, 'pending');
    return 'new';
  }

  /** The message's fate is known: success keeps its packet id until PUBREL, a refusal frees it. */
  settleIncoming(packetId: number, accepted: boolean): void {
    if (!accepted) {
      this.#incomingQos2.delete(packetId);
      return;
    }
    this.#incomingQos2.set(packetId, 'received');
    this.keeping?.store.putIncoming(this.clientId, packetId);
    this.keeping?.touch();
  }

  /** PUBREL; false when the packet id is unknown. */
  endIncoming(packetId: number): boolean {
    const known = this.#incomingQos2.delete(packetId);
    if (known) {
      this.keeping?.store.removeIncoming(this.clientId, packetId);
      this.keeping?.touch();
    }
    return known;
  }

  /** Gives back the room of everything that waits; the session is not used afterwards. */
  end(): void {
    this.#budget.bytes -= this.#heldBytes;
    this.#heldBytes = 0;
    this.#queue = [];
    this.#head = 0;
    this.#inFlight.clear();
  }

  #send(queued: QueuedDelivery, port: DeliveryPort): void {
    const dup = queued.sent;
    queued.sent = true;
    port.send(queued.packetId, queued.delivery, dup);
  }

  /**
   * A kept QoS 2 message goes out when its packet id is durable: after a crash it must be sent again with the same
   * one, or the client would take it for another message (4.3.3).
   */
  #sendWhenKept(queued: QueuedDelivery, port: DeliveryPort): void {
    this.#keep(queued);
    this.keeping?.after((ok) => {
      if (ok && !queued.sent && this.port === port && this.#inFlight.get(queued.packetId) === queued)
        this.#send(queued, port);
    });
  }

  #keep(queued: QueuedDelivery): void {
    this.keeping?.store.putDelivery(this.clientId, queued);
    this.keeping?.touch();
  }

  #forget(queued: QueuedDelivery): void {
    this.#hold(queued.delivery, -1);
    this.keeping?.store.removeDelivery(this.clientId, queued);
    this.keeping?.touch();
  }

  #hold(delivery: Delivery, sign: 1 | -1): void {
    const bytes = sign * (delivery.message.payload.length + deliveryOverheadBytes);
    this.#heldBytes += bytes;
    this.#budget.bytes += bytes;
  }

  #shift(): QueuedDelivery | undefined {
    const queued = this.#queue[this.#head];
    if (!queued) return undefined;
    this.#head++;
    // The array is cut now and then, so that taking the oldest stays cheap however long the queue is.
    if (this.#head === this.#queue.length || this.#head >= 1024) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    return queued;
  }

  #takeId(): number {
    do {
      this.#nextId = this.#nextId === 65_535 ? 1 : this.#nextId + 1;
    } while (this.#inFlight.has(this.#nextId));
    return this.#nextId;
  }
}

/** True when the message's expiry has passed. */
export function isExpired(message: Message, nowMs: number): boolean {
  return message.expiresAtMs !== undefined && message.expiresAtMs <= nowMs;
}
