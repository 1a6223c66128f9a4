/** Bounds of one connection. */
export interface ConnectionLimits {
  readonly packetBytesMax: number;
  readonly receiveMaximum: number;
  readonly topicAliasMaximum: number;
  /** Bytes waiting in a socket above which nothing more is written to it until it drains. */
  readonly writeBufferBytesMax: number;
  readonly connectTimeoutMs: number;
}

export interface BrokerLimits extends ConnectionLimits {
  /** Longest a PUBLISH waits for company before it is handed to the ingress, ms. */
  readonly lingerMs: number;
  readonly connectionsMax: number;
  /** Sessions, connected or not; above it a client without one is refused with quota exceeded. */
  readonly sessionsMax: number;
  /** Subscriptions of one session; above it a SUBSCRIBE is answered with quota exceeded. */
  readonly subscriptionsMaxPerSession: number;
  /** Longest session expiry granted, s. */
  readonly sessionExpirySMax: number;
  /** Longest keep alive granted to an MQTT 5 client, s; a silent connection is closed after one and a half of it. */
  readonly keepAliveSMax: number;
  /** Bytes of messages that may wait for subscribers in all sessions; above it QoS 1 and 2 publishers are refused. */
  readonly queuedBytesMax: number;
  /** Longest a change of a kept session waits for others before they are committed together, ms. */
  readonly commitLingerMs: number;
  /** Longest `stop` waits for the ingress to answer for what it holds, ms. */
  readonly drainMsMax: number;
}

export const defaultBrokerLimits: BrokerLimits = {
  packetBytesMax: 16 * 1024 * 1024,
  receiveMaximum: 2000,
  topicAliasMaximum: 1000,
  writeBufferBytesMax: 4 * 1024 * 1024,
  connectTimeoutMs: 10_000,
  lingerMs: 2,
  connectionsMax: 50_000,
  sessionsMax: 100_000,
  subscriptionsMaxPerSession: 1000,
  sessionExpirySMax: 7 * 86_400,
  keepAliveSMax: 60,
  queuedBytesMax: 256 * 1024 * 1024,
  commitLingerMs: 2,
  drainMsMax: 10_000,
};
