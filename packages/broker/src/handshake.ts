import type { Principal, PublishProperties } from '@millrace/mqtt';
import type { IConnackPacket, IConnectPacket } from 'mqtt-packet';
import type { BrokerLimits } from './limits.js';
import type { Will } from './session.js';

/** What a client that was let in asked for and gets; the answer goes into CONNACK (MQTT 5, 3.1 and 3.2). */
export interface Terms {
  readonly clientId: string;
  /** The broker chose the client id (3.2.2.3.7). */
  readonly assigned: boolean;
  readonly principal: Principal;
  readonly v5: boolean;
  readonly cleanStart: boolean;
  readonly askedExpiryS: number;
  readonly expiryS: number;
  readonly askedKeepAliveS: number;
  readonly keepAliveS: number;
  readonly receiveMaximum: number;
  readonly packetBytesMax: number;
  readonly topicAliasMaximum: number;
  readonly will: Will | undefined;
}

/** Decides a CONNECT's terms. */
export function termsOf(
  packet: IConnectPacket,
  principal: Principal,
  assignedId: string | undefined,
  limits: BrokerLimits,
): Terms {
  const v5 = packet.protocolVersion === 5;
  const cleanStart = packet.clean ?? true;
  const { properties } = packet;
  const clientId = assignedId ?? packet.clientId;
  const asked = v5
    ? (properties?.sessionExpiryInterval ?? 0)
    : // 3.1.1 knows no expiry: a session that is not clean is kept as long as the broker keeps any.
      cleanStart
      ? 0
      : limits.sessionExpirySMax;
  const keepAliveS = packet.keepalive ?? 0;
  return {
    clientId,
    assigned: assignedId !== undefined,
    principal,
    v5,
    cleanStart,
    askedExpiryS: asked,
    expiryS: Math.min(asked, limits.sessionExpirySMax),
    askedKeepAliveS: keepAliveS,
    // 3.2.2.3.14: only an MQTT 5 client can be told to speak up more often.
    keepAliveS: v5 ? Math.min(keepAliveS, limits.keepAliveSMax) : keepAliveS,
    receiveMaximum: v5 ? (properties?.receiveMaximum ?? 65_535) : 65_535,
    packetBytesMax: properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY,
    topicAliasMaximum: v5 ? Math.min(properties?.topicAliasMaximum ?? 0, limits.topicAliasMaximum) : 0,
    will: willOf(packet, clientId),
  };
}

/** The CONNACK of success. */
export function connackOf(terms: Terms, sessionPresent: boolean, limits: BrokerLimits): IConnackPacket {
  if (!terms.v5) return { cmd: 'connack', sessionPresent, returnCode: 0 };
  return {
    cmd: 'connack',
    sessionPresent,
    reasonCode: 0,
    properties: {
      receiveMaximum: limits.receiveMaximum,
      maximumPacketSize: limits.packetBytesMax,
      topicAliasMaximum: limits.topicAliasMaximum,
      ...(terms.assigned ? { assignedClientIdentifier: terms.clientId } : {}),
      ...(terms.askedExpiryS > terms.expiryS ? { sessionExpiryInterval: terms.expiryS } : {}),
      ...(terms.askedKeepAliveS > terms.keepAliveS ? { serverKeepAlive: terms.keepAliveS } : {}),
    },
  };
}

/** The CONNACK of a refusal. */
export function refusalOf(version: 3 | 4 | 5, reasonCode: number, reason: string): IConnackPacket {
  if (version === 5)
    return { cmd: 'connack', sessionPresent: false, reasonCode, properties: { reasonString: reason } };
  return { cmd: 'connack', sessionPresent: false, returnCode: returnCodes[reasonCode] ?? 5 };
}

/** MQTT 3.1.1, table 3.1: 1 unacceptable version, 2 identifier, 3 unavailable, 4 user name or password, 5 not authorized. */
const returnCodes: Readonly<Record<number, number>> = {
  132: 1,
  133: 2,
  134: 4,
  136: 3,
  137: 3,
  151: 3,
};

function willOf(packet: IConnectPacket, clientId: string): Will | undefined {
  const { will } = packet;
  if (!will) return undefined;
  const { willDelayInterval, ...properties } = will.properties ?? {};
  return {
    delayS: willDelayInterval ?? 0,
    message: {
      topic: will.topic,
      payload: Buffer.from(will.payload),
      qos: will.qos ?? 0,
      retain: will.retain ?? false,
      properties: properties as PublishProperties,
      // Counted from the moment it is published, not from CONNECT.
      expiresAtMs: undefined,
      from: clientId,
    },
  };
}
