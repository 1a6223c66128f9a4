import { expect, it } from 'vitest';
import { judgeCause, type NearbyEvent } from './causes.js';

const event = (type: string, body: Record<string, unknown> = {}): NearbyEvent => ({
  type,
  ts: 1_790_000_000_000,
  body,
});

it.each([
  [[], 0, 'unknown'],
  [[], 3, 'dead_lettered'],
  [[event('platform_stopping')], 3, 'platform_stopped'],
  [[event('platform_started'), event('offline')], 0, 'link_down'],
  [[event('uplink_lost', { reason: 'cable' })], 0, 'link_down'],
  [[event('uplink_lost'), event('gateway_stopping', { reason: 'SIGTERM' })], 0, 'gateway_stopped'],
  [[event('gateway_started', { previous: 'orderly' })], 0, 'gateway_stopped'],
  [[event('gateway_started', { previous: 'crash' }), event('offline')], 0, 'gateway_restart'],
  [
    [event('gateway_started', { previous: 'crash' }), event('data_loss', { count: 9, cause: 'age_limit' })],
    0,
    'data_loss',
  ],
  [[event('gateway_started', { previous: 'first_start' })], 0, 'unknown'],
] as const)('the most telling event is the cause: %j', (events, deadLetters, cause) => {
  const judged = judgeCause(events, deadLetters);
  expect(judged.cause).toBe(cause);
  expect(judged.evidence).toMatch(/^[A-Z0-9].*\.$/);
});
