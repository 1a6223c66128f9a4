import type { Random } from '@millrace/foundation';

export interface BackoffRule {
  /** Wait before the second attempt, ms. */
  readonly firstMs: number;
  /** Longest wait, ms. */
  readonly maxMs: number;
}

/** DR-3: reconnect after 1 s, doubling to 60 s. */
export const reconnectBackoff: BackoffRule = { firstMs: 1000, maxMs: 60_000 };

/**
 * Wait before attempt `attempt + 1` in ms, where `attempt` counts failed attempts from 1. Jitter takes up to half of
 * it away, so that 10,000 gateways that lost one broker do not come back in step; never more than `maxMs`.
 */
export function backoffMs(rule: BackoffRule, attempt: number, random: Random): number {
  const full = Math.min(rule.firstMs * 2 ** Math.min(Math.max(attempt, 1) - 1, 30), rule.maxMs);
  return full / 2 + (full / 2) * random.next();
}
