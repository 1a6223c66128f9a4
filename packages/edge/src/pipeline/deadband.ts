import type { TagValue } from '@millrace/contracts';
import { type DeadbandState, newDeadbandState, passesDeadband } from '@millrace/logic';
import type { Plan } from '../config/plan.js';
import type { SampleBatch } from '../drivers/driver.js';

/** What the deadband stage remembers and counts, by tag index. */
export interface DeadbandMemory {
  readonly states: readonly DeadbandState[];
  readonly taken: Float64Array;
  readonly suppressed: Float64Array;
}

export function newDeadbandMemory(plan: Plan): DeadbandMemory {
  return {
    states: plan.tags.map(newDeadbandState),
    taken: new Float64Array(plan.tags.length),
    suppressed: new Float64Array(plan.tags.length),
  };
}

/**
 * ED-4: drops the samples that tell nothing new, in place, keeping the order of the others. `atMs` is monotonic.
 * Every sample is counted as taken, every dropped one as suppressed, so that taken = sent + suppressed holds by tag.
 */
export function deadband(batch: SampleBatch, memory: DeadbandMemory, atMs: number): void {
  let kept = 0;
  for (let i = 0; i < batch.length; i++) {
    const tag = batch.tags[i]!;
    const state = memory.states[tag.index]!;
    const value = batch.values[i] as TagValue;
    const quality = batch.qualities[i]!;
    memory.taken[tag.index]!++;
    const rule = { width: tag.deadbandWidth, maxIntervalMs: tag.maxIntervalMs };
    if (!passesDeadband(rule, state, value, quality, atMs)) {
      memory.suppressed[tag.index]!++;
      continue;
    }
    state.sent = true;
    state.value = value;
    state.quality = quality;
    state.atMs = atMs;
    batch.tags[kept] = tag;
    batch.values[kept] = value;
    batch.qualities[kept] = quality;
    batch.sourceTsMs[kept] = batch.sourceTsMs[i]!;
    kept++;
  }
  batch.length = kept;
}

/** Samples suppressed of all taken, percent; 0 before the first. */
export function reductionPct(memory: DeadbandMemory): number {
  let taken = 0;
  let suppressed = 0;
  for (let i = 0; i < memory.taken.length; i++) {
    taken += memory.taken[i]!;
    suppressed += memory.suppressed[i]!;
  }
  return taken === 0 ? 0 : (suppressed / taken) * 100;
}
