import type * as api from '@millrace/client';

/** The API's shapes by the names that the pages use. Times are RFC 3339 UTC, in series epoch milliseconds. */
export type {
  AssetNode,
  Break,
  Completeness,
  CompletenessTotals,
  DeadLetter,
  Device,
  DeviceCompleteness,
  Gap,
  LatestValue,
  Session,
  Summary,
  Telemetry,
  WorstQuality,
} from '@millrace/client';

/** Named apart from the browser's own `Event`. */
export type PlatformEvent = api.Event;
export type DeviceState = api.Device['state'];
export type QualityName = api.LatestValue['quality'];
export type Value = api.LatestValue['v'];

/** A tag as the pages use it: its ranges are pairs. */
export type Tag = Omit<api.Tag, 'range' | 'normal' | 'states'> & {
  readonly range?: readonly [number, number];
  readonly normal?: readonly [number, number];
  readonly states?: Readonly<Record<string, string>>;
};

export type DeviceDetail = Omit<api.DeviceDetail, 'tags' | 'latest'> & {
  readonly tags: readonly Tag[];
  readonly latest: Readonly<Record<string, api.LatestValue>>;
};

/** One tag over time; the columns that an answer lacks are absent. */
export type Series = Pick<api.Series, 'tag' | 'unit' | 't'> & Partial<Omit<api.Series, 'tag' | 'unit' | 't'>>;

export interface Page<T> {
  readonly items: readonly T[];
  readonly next_cursor: string | null;
  readonly has_more: boolean;
  readonly total_count?: number | undefined;
}
