import type { DriverState, DriverStats } from './drivers/driver.js';
import type { OutboxStats } from './outbox/outbox.js';
import type { UplinkStats } from './uplinks/millrace/uplink.js';

export interface DriverStatus extends DriverStats {
  readonly type: string;
  readonly reason: string | undefined;
  readonly since_ms: number;
  /** By the watchdog, since the start. */
  readonly restarts: number;
}

/** A tag as last read, before the deadband; for the gateway's own page and for commissioning. */
export interface TagStatus {
  readonly device_id: string;
  readonly tag: string;
  readonly unit: string;
  readonly taken: number;
  readonly suppressed: number;
  readonly last_sent: { readonly v: number | string | boolean | null; readonly q: number } | null;
}

export interface GatewayStatus {
  readonly gateway: { readonly id: string; readonly tenant: string; readonly common_name: string };
  readonly version: string;
  readonly config_file: string;
  readonly state: 'stopped' | 'running' | 'stopping';
  readonly uptime_s: number;
  readonly uplink: UplinkStats & { readonly url: string };
  readonly outbox: OutboxStats & { readonly file: string };
  readonly outbox_oldest_s: number;
  readonly drivers: Readonly<Record<string, DriverStatus>>;
  readonly samples: {
    readonly taken: number;
    readonly suppressed: number;
    readonly reduction_pct: number;
  };
  readonly tags: readonly TagStatus[];
}

export type { DriverState };
