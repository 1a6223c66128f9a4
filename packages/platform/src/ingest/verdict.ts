import type { DeadLetterReason } from '@millrace/contracts';
import type { PendingDeadLetter } from './batch.js';

/** Longest `detail` of a dead letter, in characters. */
const detailMax = 500;

/** A dead letter's reason with its particulars. `shown` is the reason as people see it, where it differs. */
export function deadLetter(
  reason: DeadLetterReason,
  detail: string,
  more: { shown?: string; schemaVersion?: string | undefined } = {},
): PendingDeadLetter {
  return {
    reason,
    shownReason: (more.shown ?? reason).slice(0, 100),
    detail: detail.length > detailMax ? `${detail.slice(0, detailMax)}...` : detail,
    schemaVersion: more.schemaVersion?.slice(0, 32),
  };
}

/** 2000-01-01T00:00:00Z: a time before it is a clock that was never set. */
export const earliestTsMs = 946_684_800_000;
/** A time further ahead of the platform's is a clock that runs wrong. */
export const aheadMsMax = 86_400_000;

/** Why a time stamp cannot be believed; undefined when it can. */
export function implausibleTime(ts: number, nowMs: number): PendingDeadLetter | undefined {
  if (ts >= earliestTsMs && ts <= nowMs + aheadMsMax) return undefined;
  const shown = ts <= 8.64e15 ? new Date(ts).toISOString() : String(ts);
  return deadLetter(
    'timestamp_implausible',
    ts < earliestTsMs
      ? `ts ${shown} lies before 2000-01-01: the sender's clock is not set.`
      : `ts ${shown} lies more than 24 h ahead of the platform's clock.`,
  );
}
