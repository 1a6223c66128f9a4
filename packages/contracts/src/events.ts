/**
 * What a device or gateway says on its `events` topic. Events are facts with a time; they explain gaps and silences,
 * so that a cause is known and not guessed.
 */
export interface EventEnvelope {
  readonly schema_version: '1.0';
  /** ULID; the identity of the event in storage. */
  readonly msg_id: string;
  readonly device_id: string;
  /** ms since 1970 UTC. */
  readonly ts: number;
  readonly event: GatewayEvent;
}

export type GatewayEvent =
  /** The gateway's process began; `previous` tells an orderly stop from a crash. */
  | {
      readonly type: 'gateway_started';
      readonly version: string;
      readonly previous: 'first_start' | 'orderly' | 'crash';
      readonly previous_alive_ts?: number;
    }
  | { readonly type: 'gateway_stopping'; readonly reason: string }
  | { readonly type: 'uplink_lost'; readonly reason: string }
  | { readonly type: 'uplink_restored'; readonly down_ms: number; readonly buffered: number }
  /** Rows dropped from the outbox (ED-2): the numbers, the tags and the time range of what is gone. */
  | {
      readonly type: 'data_loss';
      readonly device_id: string;
      readonly cause: 'age_limit' | 'size_limit' | 'disk_full' | 'corruption';
      readonly count: number;
      /** The numbering that the numbers belong to (`meta.epoch`); the one in use when it is absent. */
      readonly epoch?: number;
      readonly seq_from: number;
      readonly seq_to: number;
      readonly ts_from: number;
      readonly ts_to: number;
      readonly tags: readonly string[];
    }
  | {
      readonly type: 'driver_state';
      readonly driver: string;
      readonly state: 'connected' | 'degraded' | 'disconnected';
      readonly reason?: string;
    };

/** Retained on `status`; the will carries `online: false`. A gateway lists the devices it speaks for. */
export interface StatusMessage {
  readonly schema_version: '1.0';
  readonly device_id: string;
  readonly online: boolean;
  readonly ts: number;
  /** Why offline: `stopped` for an orderly stop; absent in a will. */
  readonly reason?: string;
  readonly fw_version?: string;
}
