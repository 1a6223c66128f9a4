/**
 * PUBLISH packets on their way from sockets to whoever answers for them, as columns: row `i` of every array is one
 * packet, in the order of arrival per connection. Payload bytes are copied into one buffer, so the socket's
 * buffers are free at once and a batch holds no per-message object.
 */
export interface PublishBatch {
  /** Rows in use; the arrays may be longer. */
  length: number;
  /** What `Ingress.bind` returned for the row's connection and topic. */
  readonly bindings: IngressBinding[];
  /** All payloads, back to back. */
  bytes: Buffer;
  readonly start: Uint32Array;
  readonly end: Uint32Array;
  readonly qos: Uint8Array;
  /** 1 where the DUP flag was set. */
  readonly dup: Uint8Array;
  /** Content type of MQTT 5, by row; absent for most. */
  readonly contentTypes: Map<number, string>;
  /** Wall time at which the read that held the row came in, ms. */
  readonly receivedAtMs: Float64Array;
  /**
   * Filled by the ingress before it settles: the MQTT 5 reason code of the row's PUBACK/PUBREC. 0x00 and 0x10 say
   * that the row's fate is durable; >= 0x80 is a refusal (an MQTT 3.1.1 client gets no PUBACK for it).
   */
  readonly reasonCodes: Uint8Array;
}

/** Opaque to the broker: one per connection and topic, made once, compared by identity. */
export type IngressBinding = object;

/** MQTT 5 reason codes used at the front door (MQTT 5, 2.4). */
export const ReasonCode = {
  success: 0x00,
  noMatchingSubscribers: 0x10,
  unspecifiedError: 0x80,
  implementationSpecificError: 0x83,
  notAuthorized: 0x87,
  serverUnavailable: 0x88,
  serverBusy: 0x89,
  topicFilterInvalid: 0x8f,
  topicNameInvalid: 0x90,
  packetTooLarge: 0x95,
  quotaExceeded: 0x97,
  payloadFormatInvalid: 0x99,
} as const;

/**
 * What stands behind the broker. The broker hands over batches and writes PUBACKs only when a batch settles: the
 * acknowledgement means that the message's fate is durable (D2C-3).
 */
export interface Ingress {
  /**
   * Asked once per connection and topic, then cached for the life of the connection. Undefined = not ours: an
   * ordinary message between clients. A binding = the ingress answers for every PUBLISH on it.
   */
  bind(principal: Principal, topic: string): IngressBinding | undefined;
  /**
   * Takes a batch. `settle` is called once, later or at once, after `reasonCodes` is filled for every row.
   * The batch and its buffers belong to the ingress until then, and to the broker's pool afterwards.
   */
  submit(batch: PublishBatch, settle: () => void): void;
  /** True while the broker must stop reading sockets: the ingress holds as much as it may. */
  readonly saturated: boolean;
  /** Called by the ingress when `saturated` turns false again. One listener: the broker. */
  onDrain(listener: () => void): void;
}

/** Who is connected, as the identity behind the broker resolved it. Opaque to the broker but for these. */
export interface Principal {
  /** MQTT client id; with client certificates it equals the certificate's CN (PR-7). */
  readonly clientId: string;
  readonly tenant: string;
  /** Serial number of the client certificate, lower-case hex, for logs of refusals. */
  readonly certificateSerial: string | undefined;
  /** Messages a minute above which an alert is raised; the sum over the devices it speaks for (ID-3). */
  readonly messagesPerMinuteAlert: number;
}
