import type { QualityCode, TagValue } from '@millrace/contracts';

/** When a sample is worth sending. `width` is absolute, in engineering units; 0 sends every change. */
export interface DeadbandRule {
  readonly width: number;
  /** Liveness: the longest time without a sample, ms. */
  readonly maxIntervalMs: number;
}

/** What was sent last of a tag; mutated by the caller after a sample passed. */
export interface DeadbandState {
  sent: boolean;
  value: TagValue;
  quality: QualityCode;
  atMs: number;
}

/** A state of a tag of which nothing was sent yet. */
export function newDeadbandState(): DeadbandState {
  return { sent: false, value: null, quality: 0, atMs: 0 };
}

/**
 * ED-4: the first sample passes, a changed quality always passes, liveness passes, and else a number must have moved
 * by more than the width since the one sent last. Texts and booleans pass when they differ. `atMs` is monotonic.
 */
export function passesDeadband(
  rule: DeadbandRule,
  state: DeadbandState,
  value: TagValue,
  quality: QualityCode,
  atMs: number,
): boolean {
  if (!state.sent || quality !== state.quality || atMs - state.atMs >= rule.maxIntervalMs) return true;
  if (typeof value === 'number' && typeof state.value === 'number') {
    return rule.width > 0 ? Math.abs(value - state.value) > rule.width : value !== state.value;
  }
  return value !== state.value;
}
