import type { Principal } from './publish-batch.js';

/** What is known of a client at CONNECT. */
export interface ConnectRequest {
  readonly clientId: string;
  readonly protocolVersion: 3 | 4 | 5;
  readonly username: string | undefined;
  readonly password: Uint8Array | undefined;
  readonly certificate: ClientCertificate | undefined;
  readonly remoteAddress: string;
  readonly listener: string;
}

/** The verified client certificate of a TLS connection. */
export interface ClientCertificate {
  readonly commonName: string;
  /** Lower-case hex without separators. */
  readonly serial: string;
  readonly fingerprint256: string;
  readonly notAfterMs: number;
}

export type ConnectDecision =
  | { readonly ok: true; readonly principal: Principal }
  /** `reasonCode` is an MQTT 5 CONNACK code (>= 0x80); `reason` is for logs and the MQTT 5 reason string. */
  | { readonly ok: false; readonly reasonCode: number; readonly reason: string };

/** Decides who may connect. Implemented by the platform; asked once per CONNECT. */
export interface Authenticator {
  authenticate(request: ConnectRequest): Promise<ConnectDecision>;
}

/** Decides what a principal may do. Synchronous and cached by the broker per connection and topic or filter. */
export interface Authorizer {
  mayPublish(principal: Principal, topic: string): boolean;
  maySubscribe(principal: Principal, filter: string): boolean;
}

/** What the broker tells about itself; each is also counted. */
export type FrontDoorEvent =
  | { readonly type: 'connected'; readonly principal: Principal; readonly remoteAddress: string }
  | {
      readonly type: 'disconnected';
      readonly principal: Principal;
      readonly reason: string;
      readonly orderly: boolean;
    }
  | {
      readonly type: 'connect_refused';
      readonly clientId: string;
      readonly remoteAddress: string;
      readonly reason: string;
      readonly certificateSerial: string | undefined;
    }
  | {
      readonly type: 'publish_refused';
      readonly principal: Principal;
      readonly topic: string;
      readonly reason: string;
    }
  | { readonly type: 'subscribe_refused'; readonly principal: Principal; readonly filter: string }
  /** At most one per client per 10 minutes (decisions: rate watch). */
  | { readonly type: 'rate_exceeded'; readonly principal: Principal; readonly messagesPerMinute: number };

export interface FrontDoorObserver {
  on(event: FrontDoorEvent): void;
}

/** An ordinary message given to subscribers by the platform (commands, config) or received from a client. */
export interface MqttMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly contentType?: string;
  /** Seconds the message may wait for a subscriber (MQTT 5, 3.3.2.3.3). */
  readonly messageExpiryS?: number;
}
