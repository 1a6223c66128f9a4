import type { TaggedValue, TagValue } from '@millrace/contracts';
import type { DevicePlan } from '../config/plan.js';
import type { SampleBatch } from '../drivers/driver.js';

/** A telemetry message before it has a number: the outbox gives `seq` and `msg_id` in its transaction. */
export interface TelemetryDraft {
  readonly device: DevicePlan;
  /** Gateway time, ms since 1970. */
  tsMs: number;
  readonly sourceTsMs: number;
  readonly d: Record<string, TaggedValue>;
}

/** Source times this close are one moment of the device; servers stamp the tags of a cycle a little apart. */
export const sameMomentMs = 20;

/**
 * One message per device and moment. Tags of a device whose source times lie within 20 ms share one; a tag that is
 * there already begins the next, so no sample is overwritten. The spacing of several moments in one batch (an OPC UA
 * queue) is kept in `ts`: the newest is `nowMs`, the others lie before it as far as their source times do.
 */
export function assemble(batch: SampleBatch, nowMs: number): TelemetryDraft[] {
  const open = new Map<DevicePlan, TelemetryDraft[]>();
  for (let i = 0; i < batch.length; i++) {
    const tag = batch.tags[i]!;
    const sourceTsMs = batch.sourceTsMs[i]!;
    let drafts = open.get(tag.device);
    if (!drafts) {
      drafts = [];
      open.set(tag.device, drafts);
    }
    let draft = drafts.find(
      (candidate) =>
        Math.abs(candidate.sourceTsMs - sourceTsMs) <= sameMomentMs && !(tag.name in candidate.d),
    );
    if (!draft) {
      draft = { device: tag.device, tsMs: nowMs, sourceTsMs, d: {} };
      drafts.push(draft);
    }
    draft.d[tag.name] = { v: batch.values[i] as TagValue, q: batch.qualities[i]! };
  }
  const result: TelemetryDraft[] = [];
  for (const drafts of open.values()) {
    if (drafts.length > 1) spread(drafts, nowMs);
    result.push(...drafts);
  }
  return result;
}

function spread(drafts: TelemetryDraft[], nowMs: number): void {
  drafts.sort((a, b) => a.sourceTsMs - b.sourceTsMs);
  const newest = drafts.at(-1)!.sourceTsMs;
  for (const draft of drafts) draft.tsMs = Math.round(nowMs - (newest - draft.sourceTsMs));
}
