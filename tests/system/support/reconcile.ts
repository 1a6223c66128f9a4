import type { JournalEntry } from '@millrace/field';

/** One stored sample of a tag. */
export interface StoredSample {
  readonly tsMs: number;
  readonly value: number | null;
  readonly q: number;
}

export interface TagRule {
  /** What the gateway's deadband may hold back, absolute. */
  readonly deadband: number;
  /** Longest time between being served and being stamped by the gateway, ms (a poll or a publishing interval). */
  readonly slackMs: number;
}

/** Times in which a served value may die with the gateway that had asked for it, before its outbox had it. */
export interface Excuse {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Reconciliation {
  readonly served: number;
  /** Served values that no stored sample accounts for, by itself or within the deadband. */
  readonly lost: readonly JournalEntry[];
  /** Stored values that the field never served. */
  readonly invented: readonly StoredSample[];
  readonly excused: number;
}

/**
 * Holds what the field says it served for one tag against what the platform stored. A served good value is accounted
 * for when a sample stored last before it, or within the slack after it, is within the deadband of it. A stored good
 * value must be one that was served shortly before.
 */
export function reconcile(
  served: readonly JournalEntry[],
  stored: readonly StoredSample[],
  rule: TagRule,
  excuses: readonly Excuse[],
): Reconciliation {
  const lost: JournalEntry[] = [];
  let excused = 0;
  let at = 0;
  for (const entry of served) {
    if (typeof entry.value !== 'number' || entry.quality < 192) continue;
    while (at + 1 < stored.length && stored[at + 1]!.tsMs <= entry.tsMs - rule.slackMs) at++;
    let accounted = false;
    for (let i = at; i < stored.length && stored[i]!.tsMs <= entry.tsMs + rule.slackMs; i++) {
      const sample = stored[i]!;
      if (sample.value !== null && near(sample.value, entry.value, rule.deadband)) accounted = true;
    }
    if (accounted) continue;
    if (excuses.some(({ fromMs, toMs }) => entry.tsMs >= fromMs && entry.tsMs <= toMs)) excused++;
    else lost.push(entry);
  }
  const invented = stored.filter(
    (sample) =>
      sample.q >= 192 &&
      sample.value !== null &&
      !served.some(
        (entry) =>
          Math.abs(entry.tsMs - sample.tsMs) <= rule.slackMs * 2 &&
          typeof entry.value === 'number' &&
          near(entry.value, sample.value as number, 0),
      ),
  );
  return { served: served.length, lost, invented, excused };
}

/** Equal up to the deadband and to what a float32 register loses. */
function near(a: number, b: number, deadband: number): boolean {
  return Math.abs(a - b) <= deadband * 1.000001 + 1e-6 * Math.max(1, Math.abs(a), Math.abs(b));
}
