import type { InfiniteData, QueryClient } from '@tanstack/react-query';
import type { Device, DeviceDetail, Page, Summary } from '../api/types';
import type { LiveFeed } from './feed';

/** Writes what the stream tells about devices and the fleet into the answers that the pages already show. */
export function connectFeed(feed: LiveFeed, queries: QueryClient, signedOut: () => void): void {
  const shown = new Map<string, string>();
  feed.sink = {
    signedOut,
    summary: (summary: Summary) => queries.setQueryData(['summary'], summary),
    devices: (changed) => {
      const byId = new Map(changed.map((device) => [device.device_id, device]));
      queries.setQueriesData<InfiniteData<Page<Device>>>({ queryKey: ['devices'] }, (data) =>
        data ? { ...data, pages: data.pages.map((page) => patched(page, byId)) } : data,
      );
      for (const device of changed)
        queries.setQueryData<DeviceDetail>(['device', device.device_id], (known) =>
          known ? { ...known, ...device } : known,
        );
      if (changed.some((device) => tellsTree(shown, device)))
        void queries.invalidateQueries({ queryKey: ['assets'] });
    },
  };
}

/** Whether a device's sign in the tree changed: most of its updates only move `last_seen`. */
function tellsTree(shown: Map<string, string>, device: Device): boolean {
  const sign = `${device.state} ${device.worst_quality?.q ?? 192}`;
  const before = shown.get(device.device_id);
  shown.set(device.device_id, sign);
  return before !== undefined && before !== sign;
}

/** Only rows that are there already change: which rows belong to a filtered list is for the server to say. */
function patched(page: Page<Device>, changed: ReadonlyMap<string, Device>): Page<Device> {
  if (!page.items.some((row) => changed.has(row.device_id))) return page;
  return { ...page, items: page.items.map((row) => ({ ...row, ...changed.get(row.device_id) })) };
}
