/** What a device's connection looks like from here (the API's `state`). */
export type DeviceState = 'online' | 'stale' | 'offline' | 'never_seen';

/** A device that reports nothing for three times the liveness interval (ED-4: 60 s) is stale. */
export const staleAfterMs = 3 * 60_000;

/** The facts a device's state is decided from; times in ms, 0 = never. */
export interface StateFacts {
  readonly lastSeen: number;
  readonly online: boolean | undefined;
  readonly onlineAt: number;
  readonly onlineReason: string | undefined;
  /** Since when every tag of it has been reported bad, with the worst one's meaning; absent while any tag is usable. */
  readonly allBad?: { readonly since: number; readonly words: string };
  /** The same of its gateway, where it has one. */
  readonly gateway?: {
    readonly deviceId: string;
    readonly online: boolean | undefined;
    readonly onlineAt: number;
    readonly onlineReason: string | undefined;
  };
}

/** Decides a device's state and says why in words. Pure. */
export function decideState(facts: StateFacts, nowMs: number): { state: DeviceState; reason: string } {
  const { lastSeen, online, onlineAt, onlineReason, gateway, allBad } = facts;
  if (lastSeen === 0 && online === undefined)
    return { state: 'never_seen', reason: 'Nothing was ever received from it.' };
  if (online === false && onlineAt >= lastSeen)
    return { state: 'offline', reason: onlineReason ?? 'Its connection was lost.' };
  if (gateway?.online === false && gateway.onlineAt >= lastSeen)
    return {
      state: 'offline',
      reason: `Its gateway ${gateway.deviceId} is offline: ${gateway.onlineReason ?? 'the connection was lost'}.`,
    };
  const heardAt = Math.max(lastSeen, online === true && lastSeen === 0 ? onlineAt : 0);
  if (nowMs - heardAt > staleAfterMs)
    return { state: 'stale', reason: `No reading for ${Math.round((nowMs - heardAt) / 1000)} s.` };
  if (allBad !== undefined && gateway !== undefined)
    return {
      state: 'offline',
      reason: `Its gateway ${gateway.deviceId} reports but cannot read it (${allBad.words} on every tag since ${new Date(allBad.since).toISOString()}).`,
    };
  return { state: 'online', reason: 'Readings arrive.' };
}
