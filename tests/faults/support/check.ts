import type { Completeness } from '@millrace/platform';

/** A message as the outbox accepted it. */
export interface Accepted {
  readonly epoch: number;
  readonly seq: number;
  readonly value: number;
  readonly acknowledged: boolean;
}

/** A row of the telemetry table; `value` null in a dead letter. */
export interface Kept {
  readonly epoch: number;
  readonly seq: number;
  readonly value: number | null;
}

export interface LostRange {
  readonly from: number;
  readonly to: number;
}

/** Everything that is known of one device after the drain, from three independent sources. */
export interface Findings {
  readonly deviceId: string;
  readonly accepted: readonly Accepted[];
  readonly stored: readonly Kept[];
  readonly deadLetters: readonly Kept[];
  /** What the gateway's data_loss events named. */
  readonly lost: readonly LostRange[];
  readonly completeness: Completeness;
}

const key = ({ epoch, seq }: { epoch: number; seq: number }) => `${epoch}/${seq}`;

/**
 * The invariant, as sentences about what breaks it; none when it holds. Counting comes first and does not look at
 * the ledger; then the ledger's own answer is compared with the count.
 */
export function violations(findings: Findings): string[] {
  return [...byCounting(findings), ...byLedger(findings)].map((text) => `${findings.deviceId}: ${text}`);
}

function byCounting({ accepted, stored, deadLetters, lost }: Findings): string[] {
  const found: string[] = [];
  const rows = [...stored, ...deadLetters];
  const byKey = new Map<string, Kept>();
  for (const row of rows) {
    if (byKey.has(key(row))) found.push(`number ${key(row)} is kept more than once`);
    byKey.set(key(row), row);
  }
  const known = new Set<string>();
  for (const message of accepted) {
    if (known.has(key(message))) found.push(`the outbox gave number ${key(message)} twice`);
    known.add(key(message));
    const row = byKey.get(key(message));
    const isLost = lost.some((range) => range.from <= message.seq && message.seq <= range.to);
    if (row === undefined && message.acknowledged)
      found.push(`number ${key(message)} was acknowledged and is not kept`);
    else if (row === undefined && !isLost)
      found.push(`number ${key(message)} is neither kept nor reported as lost`);
    if (row !== undefined && row.value !== null && row.value !== message.value)
      found.push(`number ${key(message)} holds ${row.value} instead of ${message.value}`);
  }
  for (const row of rows) if (!known.has(key(row))) found.push(`number ${key(row)} was never accepted`);
  const last = Math.max(0, ...accepted.map(({ seq }) => seq));
  const seqs = new Set(accepted.map(({ seq }) => seq));
  for (let seq = 1; seq <= last; seq++) {
    if (!seqs.has(seq) && !lost.some((range) => range.from <= seq && seq <= range.to))
      found.push(`number ${seq} was skipped by the outbox without a data_loss`);
  }
  return found;
}

function byLedger({ stored, deadLetters, completeness }: Findings): string[] {
  const found: string[] = [];
  const seqs = [...stored, ...deadLetters].map(({ seq }) => seq);
  if (seqs.length === 0) return ['nothing was kept'];
  const expected = Math.max(...seqs) - Math.min(...seqs) + 1;
  const lost = expected - new Set(seqs).size;
  const want = { expected, stored: stored.length, deadLettered: deadLetters.length, lost, missing: 0 };
  for (const [name, count] of Object.entries(want)) {
    const told = completeness[name as keyof typeof want];
    if (told !== count) found.push(`the ledger tells ${name} = ${told}, counting gives ${count}`);
  }
  return found;
}
