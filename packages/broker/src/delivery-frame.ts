import { encodePublish, encodePublishProperties } from '@millrace/mqtt';
import type { Delivery, Message } from './session.js';

/** What does not depend on the subscriber, encoded once a message. */
interface Wire {
  readonly topic: Buffer;
  readonly properties: Buffer;
  /** Whole QoS 0 frames by version and retain flag, shared by all their subscribers. */
  readonly frames: (Buffer | undefined)[];
}

const wires = new WeakMap<Message, Wire>();
const noTopic: Buffer = Buffer.alloc(0);

function wireOf(message: Message): Wire {
  let wire = wires.get(message);
  if (!wire) {
    wire = {
      topic: Buffer.from(message.topic),
      properties: encodePublishProperties(message.properties),
      frames: [undefined, undefined, undefined, undefined],
    };
    wires.set(message, wire);
  }
  return wire;
}

export interface FrameOptions {
  readonly v5: boolean;
  readonly packetId: number;
  readonly dup: boolean;
  readonly nowMs: number;
  /** The topic's alias on this connection, and whether the client knows it already. */
  readonly alias: { readonly id: number; readonly known: boolean } | undefined;
}

/** The PUBLISH of one delivery. The buffer may be shared: it is written, never changed. */
export function deliveryFrame(delivery: Delivery, options: FrameOptions): Buffer {
  const { message, qos, retain, identifiers } = delivery;
  const { v5, packetId, dup, alias } = options;
  const wire = wireOf(message);
  const common = { payload: message.payload, qos, dup, retain, packetId };
  if (v5 && (identifiers.length > 0 || alias || message.expiresAtMs !== undefined)) {
    // [MQTT-3.3.2-6]: the expiry is lowered by the time the message waited here.
    const left =
      message.expiresAtMs === undefined
        ? undefined
        : Math.max(1, Math.ceil((message.expiresAtMs - options.nowMs) / 1000));
    const properties = encodePublishProperties(message.properties, {
      subscriptionIdentifiers: identifiers,
      ...(left === undefined ? {} : { messageExpiryInterval: left }),
      ...(alias === undefined ? {} : { topicAlias: alias.id }),
    });
    return encodePublish({ ...common, topic: alias?.known ? noTopic : wire.topic, properties });
  }
  const properties = v5 ? wire.properties : undefined;
  if (qos > 0) return encodePublish({ ...common, topic: wire.topic, properties });
  const slot = (v5 ? 2 : 0) + (retain ? 1 : 0);
  const known = wire.frames[slot];
  if (known) return known;
  const frame = encodePublish({ ...common, topic: wire.topic, properties });
  wire.frames[slot] = frame;
  return frame;
}
