import type { Clock, Logger, Random } from '@millrace/foundation';
import type { BackoffRule } from './backoff.js';

/** PEM texts of a TLS connection; asked for again at every attempt, so a renewed certificate is picked up. */
export interface TlsMaterial {
  readonly ca?: string | Buffer;
  readonly certificate?: string | Buffer;
  readonly key?: string | Buffer;
}

export interface MqttWill {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
}

export interface MqttPublish {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly retain?: boolean;
  readonly contentType?: string;
  readonly messageExpiryS?: number;
}

/**
 * What became of a PUBLISH: the reason code of its PUBACK or PUBCOMP (0 at QoS 0 once written, and in 3.1.1), or
 * `lost` when the connection ended first. `lost` says nothing about what the broker did with it.
 */
export type PublishOutcome = number | 'lost';

export interface MqttInbound {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly dup: boolean;
  readonly contentType: string | undefined;
  readonly messageExpiryS: number | undefined;
  /** Acknowledges at QoS 1 and 2; call it when the message's fate is durable. Idempotent. */
  ack(): void;
}

export interface ConnectedInfo {
  readonly sessionPresent: boolean;
  /** PUBLISH packets that may be unacknowledged at a time (MQTT 5, 3.2.2.3.3). */
  readonly receiveMaximum: number;
  readonly maximumPacketBytes: number;
}

export interface MqttClientOptions {
  /** `mqtts://host:port` or `mqtt://host:port`; the default ports are 8883 and 1883. */
  readonly url: string;
  readonly clientId: string;
  /** 5 by default; 4 is MQTT 3.1.1. */
  readonly protocolVersion?: 4 | 5;
  readonly tls?: () => TlsMaterial;
  readonly username?: string;
  readonly password?: string;
  /** Default true. When false the broker keeps the session `sessionExpiryS` seconds. */
  readonly cleanStart?: boolean;
  readonly sessionExpiryS?: number;
  readonly keepaliveS?: number;
  readonly will?: MqttWill;
  /** Most PUBLISH packets in flight whatever the broker allows; default 1,000. */
  readonly inFlightMax?: number;
  /** Inbound messages that the broker may send before `ack` (MQTT 5, 3.1.2.11.3); default: the protocol's 65,535. */
  readonly receiveMaximum?: number;
  readonly connectTimeoutMs?: number;
  readonly backoff?: BackoffRule;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly onConnected?: (info: ConnectedInfo) => void;
  /** Called once per lost connection and once per failed attempt, with the sentence to show. */
  readonly onDisconnected?: (reason: string, wasConnected: boolean) => void;
  readonly onMessage?: (message: MqttInbound) => void;
  /** In-flight room appeared after `publish` returned false. */
  readonly onDrain?: () => void;
}
