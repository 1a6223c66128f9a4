import type { ReplayOutcome } from '../ingest/replay.js';

/** `kept` waits for someone; the others are what became of it, and final. */
export const deadLetterStatuses = ['kept', 'stored', 'duplicate', 'discarded'] as const;
export type DeadLetterStatus = (typeof deadLetterStatuses)[number];

/** A dead letter without its payload; times in ms. */
export interface DeadLetterSummary {
  readonly deadLetterId: number;
  readonly deviceNo: number | null;
  readonly receivedAt: number;
  readonly clientId: string;
  readonly topic: string;
  /** From the closed list of contracts (`deadLetterReasons`). */
  readonly reason: string;
  /** As people see it, e.g. `unknown_schema_version_9.9`. */
  readonly shownReason: string;
  readonly detail: string;
  readonly schemaVersion: string | null;
  readonly epoch: number | null;
  readonly seq: number | null;
  readonly contentType: string | null;
  readonly payloadBytes: number;
  readonly status: DeadLetterStatus;
}

/** Something that was done with a dead letter; time in ms. */
export interface DeadLetterAction {
  readonly at: number;
  readonly by: string;
  readonly outcome: ReplayOutcome | 'discarded';
  /** Why it was refused again, or why it was discarded; '' otherwise. */
  readonly detail: string;
}

export interface DeadLetter extends DeadLetterSummary {
  /** The payload as it came; of one above 256 KiB the first 64 KiB; empty once discarded. */
  readonly payload: Buffer;
  /** Oldest first. */
  readonly actions: readonly DeadLetterAction[];
}

export interface DeadLetterFilter {
  readonly reason?: string;
  readonly deviceNo?: number;
  readonly status?: DeadLetterStatus;
}

export interface DeadLetterQuery extends DeadLetterFilter {
  readonly beforeId?: number;
  readonly limit: number;
}

/** What a replay did with one letter. `skipped`: it was not `kept`, or its payload is not whole, or it is being replayed. */
export interface ReplayResult {
  readonly deadLetterId: number;
  readonly outcome: ReplayOutcome | 'skipped';
  /** Why it was refused again or skipped; '' otherwise. */
  readonly detail: string;
}

/** What a replay by filter did. */
export interface ReplayReport {
  readonly stored: number;
  readonly duplicates: number;
  readonly refused: number;
  readonly skipped: number;
  /** Those refused or skipped, the first hundred. */
  readonly problems: readonly ReplayResult[];
}
