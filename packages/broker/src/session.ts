import { BoundedQueue } from '@millrace/foundation';
import type { Principal, PublishProperties } from '@millrace/mqtt';
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

export interface InFlight {
  readonly delivery: Delivery;
  /** QoS 2: the PUBREC has come, PUBREL was sent (MQTT 5, 4.3.3). */
  released: boolean;
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

/** Messages a session may hold for a client that is away or slow. Above it the newest is refused and counted. */
export const sessionQueueMax = 10_000;

/** A client's state that outlives its connection (MQTT 5, 4.1). */
export class Session {
  readonly clientId: string;
  principal: Principal;
  readonly subscriptions = new Map<string, Subscription>();
  readonly incomingQos2 = new Map<number, 'pending' | 'received'>();
  readonly #queue = new BoundedQueue<Delivery>(sessionQueueMax, 'refuse-new');
  readonly #inFlight = new Map<number, InFlight>();
  #nextId = 0;
  port: DeliveryPort | undefined;
  will: Will | undefined;
  /** Seconds the session outlives its connection; Infinity = for ever. */
  expiryS = 0;
  #dropped = 0;

  constructor(clientId: string, principal: Principal) {
    this.clientId = clientId;
    this.principal = principal;
  }

  get queued(): number {
    return this.#queue.length + this.#inFlight.size;
  }

  /** Messages refused because the queue was full, or dropped as QoS 0 to a slow or absent client. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Sends or queues. QoS 0 is never queued: it is for who is there now. */
  deliver(delivery: Delivery, nowMs: number): void {
    const { port } = this;
    if (delivery.qos === 0) {
      if (port?.writable) port.send(0, delivery, false);
      else this.#dropped++;
      return;
    }
    if (!this.#queue.push(delivery)) {
      this.#dropped++;
      return;
    }
    this.pump(nowMs);
  }

  /** Sends what the window allows, oldest first. */
  pump(nowMs: number): void {
    const { port } = this;
    if (!port) return;
    while (port.writable && this.#inFlight.size < port.receiveMaximum) {
      const delivery = this.#queue.shift();
      if (!delivery) return;
      if (isExpired(delivery.message, nowMs)) continue;
      const packetId = this.#takeId();
      this.#inFlight.set(packetId, { delivery, released: false });
      port.send(packetId, delivery, false);
    }
  }

  /** After a resumed connection: everything unacknowledged again, in order ([MQTT-4.4.0-1], [MQTT-4.6.0-1]). */
  resume(nowMs: number): void {
    for (const [packetId, flight] of this.#inFlight) {
      if (flight.released) this.port?.sendPubrel(packetId);
      else this.port?.send(packetId, flight.delivery, true);
    }
    this.pump(nowMs);
  }

  /** PUBACK or a PUBREC that refuses: the message is the client's. */
  acknowledge(packetId: number, nowMs: number): boolean {
    const known = this.#inFlight.delete(packetId);
    this.pump(nowMs);
    return known;
  }

  /** PUBREC: false when the packet id is unknown. */
  release(packetId: number): boolean {
    const flight = this.#inFlight.get(packetId);
    if (!flight) return false;
    flight.released = true;
    return true;
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
