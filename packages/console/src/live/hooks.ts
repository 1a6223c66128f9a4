import { useEffect, useSyncExternalStore } from 'react';
import type { DeviceDetail } from '../api/types';
import { feed, type LinkStatus, type LiveValue, type LiveValues } from './feed';

/** The state of the link to the platform. */
export function useLink(): LinkStatus {
  return useSyncExternalStore(feed.subscribe, () => feed.status);
}

/** A device's values as they are now; changes at most 4 times a second. */
export function useLiveValues(deviceId: string): LiveValues | undefined {
  return useSyncExternalStore(feed.subscribe, () => feed.values(deviceId));
}

/** Fills the feed from a device's resource, so that values show before the first one streams in. */
export function useSeed(device: DeviceDetail | undefined): void {
  useEffect(() => {
    if (!device) return;
    const values: Record<string, LiveValue> = {};
    for (const [tag, { v, q, ts, received_at }] of Object.entries(device.latest))
      values[tag] = { v, q, ts: Date.parse(ts), receivedAt: Date.parse(received_at) };
    feed.seed(device.device_id, values);
  }, [device]);
}
