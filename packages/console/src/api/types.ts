/** The API's shapes as the pages use them. Times are RFC 3339 UTC, in series epoch milliseconds. */

export type DeviceState = 'online' | 'stale' | 'offline' | 'never_seen';
export type QualityName = 'good' | 'uncertain' | 'bad';
export type Value = number | boolean | string | null;

export interface Session {
  readonly user: { readonly id: string; readonly name: string; readonly role: string };
  readonly tenant: { readonly slug: string; readonly title: string };
  readonly expires_at: string | null;
}

export interface Summary {
  readonly as_of: string;
  readonly devices: {
    readonly total: number;
    readonly online: number;
    readonly stale: number;
    readonly offline: number;
    readonly never_seen: number;
  };
  readonly messages_per_s: number;
  readonly values_per_s: number;
  readonly data_delay_ms: { readonly p50: number | null; readonly p99: number | null };
  readonly gaps_open: number;
  readonly silences_open: number;
  readonly dead_letters_24h: number;
  readonly quality: Readonly<Record<QualityName, number>>;
  readonly sites: readonly { readonly site: string; readonly total: number; readonly online: number }[];
}

export interface WorstQuality {
  readonly q: number;
  readonly words: string;
  readonly tag: string;
}

export interface AssetNode {
  readonly id: string;
  readonly kind: 'enterprise' | 'site' | 'area' | 'line' | 'device';
  readonly name: string;
  readonly device_id?: string;
  readonly device_type?: string;
  readonly state?: DeviceState;
  readonly devices: { readonly total: number; readonly online: number };
  readonly worst_quality: WorstQuality | QualityName | null;
  readonly children: readonly AssetNode[];
}

export interface Device {
  readonly device_id: string;
  readonly device_type: string;
  readonly title: string;
  readonly enterprise: string;
  readonly site: string;
  readonly area: string;
  readonly line: string;
  readonly gateway_id: string | null;
  readonly state: DeviceState;
  readonly state_reason: string | null;
  readonly last_seen: string | null;
  readonly last_ts: string | null;
  readonly fw_version: string | null;
  readonly schema_version: string | null;
  readonly worst_quality: WorstQuality | null;
  readonly gaps_open: number;
  readonly created_at: string;
}

export interface Tag {
  readonly name: string;
  readonly doc: string;
  readonly type: string;
  readonly unit: string;
  readonly range?: readonly [number, number];
  readonly normal?: readonly [number, number];
  readonly states?: Readonly<Record<string, string>>;
}

export interface LatestValue {
  readonly v: Value;
  readonly q: number;
  readonly quality: QualityName;
  readonly words: string;
  readonly ts: string;
  readonly source_ts?: string | null;
  readonly received_at: string;
}

export interface DeviceDetail extends Device {
  readonly tags: readonly Tag[];
  readonly latest: Readonly<Record<string, LatestValue>>;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly next_cursor: string | null;
  readonly has_more: boolean;
  readonly total_count?: number;
}

export interface Series {
  readonly tag: string;
  readonly unit: string;
  readonly t: readonly number[];
  readonly v?: readonly Value[];
  /** null where a message did not carry the tag. */
  readonly q?: readonly (number | null)[];
  readonly avg?: readonly (number | null)[];
  readonly min?: readonly (number | null)[];
  readonly max?: readonly (number | null)[];
  readonly count?: readonly number[];
  readonly good?: readonly number[];
}

export interface Break {
  readonly kind: 'gap' | 'silence';
  readonly from: number | string;
  readonly to: number | string | null;
  readonly cause: string | null;
  readonly detail: string | null;
}

export interface Telemetry {
  readonly device_id: string;
  readonly from: string | number;
  readonly to: string | number;
  readonly interval: string;
  readonly series: readonly Series[];
  readonly breaks: readonly Break[];
  readonly has_more: boolean;
  readonly next_from: string | number | null;
}

export interface Gap {
  readonly kind: 'gap' | 'silence';
  readonly from_seq: number | null;
  readonly to_seq: number | null;
  readonly missing: number | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly cause: string | null;
  readonly evidence: unknown;
  readonly opened_at: string;
  readonly closed_at: string | null;
}

export interface Completeness {
  readonly expected: number;
  readonly stored: number;
  readonly missing: number;
  readonly dead_lettered: number;
  readonly lost: number;
  readonly duplicates_refused: number;
}

/** Lists whose rows the API describes more freely than the pages need. */
export interface DeadLetter {
  readonly id: string | number;
  readonly reason: string;
  readonly detail?: string | null;
  readonly topic: string;
  readonly device_id?: string | null;
  readonly client_id?: string | null;
  readonly received_at: string;
  readonly payload?: string | null;
  readonly payload_base64?: string | null;
  readonly payload_bytes?: number | null;
}

export interface PlatformEvent {
  readonly id: string | number;
  readonly ts: string;
  readonly received_at?: string;
  readonly device_id: string | null;
  readonly type: string;
  readonly event?: unknown;
  readonly detail?: unknown;
}
