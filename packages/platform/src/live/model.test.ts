import { describe, expect, it } from 'vitest';
import { decideState, type StateFacts, staleAfterMs } from './model.js';

const now = 1_700_000_000_000;
const facts = (more: Partial<StateFacts> = {}): StateFacts => ({
  lastSeen: now - 1000,
  online: undefined,
  onlineAt: 0,
  onlineReason: undefined,
  ...more,
});
const gateway = { deviceId: 'GW-01', online: true, onlineAt: now - 60_000, onlineReason: undefined };

describe('decideState', () => {
  it.each([
    ['never_seen', facts({ lastSeen: 0 }), 'Nothing was ever received'],
    ['online', facts(), 'Readings arrive'],
    ['online', facts({ lastSeen: 0, online: true, onlineAt: now - 1000 }), 'Readings arrive'],
    ['stale', facts({ lastSeen: now - staleAfterMs - 1000 }), 'No reading for 181 s'],
    ['offline', facts({ online: false, onlineAt: now, onlineReason: 'stopped' }), 'stopped'],
    ['online', facts({ online: false, onlineAt: now - 5000 }), 'Readings arrive'],
    [
      'offline',
      facts({ gateway: { ...gateway, online: false, onlineAt: now, onlineReason: 'the link was cut' } }),
      'Its gateway GW-01 is offline: the link was cut',
    ],
    [
      'offline',
      facts({ gateway, allBad: { since: now - 9000, words: 'device failure' } }),
      'Its gateway GW-01 reports but cannot read it (device failure on every tag since 2023-11-14T22:13:11.000Z)',
    ],
    // A device that speaks for itself is there, whatever it says of its sensors.
    ['online', facts({ allBad: { since: now - 9000, words: 'sensor failure' } }), 'Readings arrive'],
  ])('says %s', (state, given, words) => {
    const decided = decideState(given, now);
    expect(decided.state).toBe(state);
    expect(decided.reason).toContain(words);
  });
});
