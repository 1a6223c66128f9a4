import type { DeviceTypeContract, TagContract, TagType } from './device-type.js';

/** Compatibility modes of a subject (CT-3). FULL is the default for devices in the field. */
export type CompatibilityMode = 'BACKWARD' | 'FORWARD' | 'FULL' | 'NONE';

export type ChangeKind =
  | 'add_optional'
  | 'add_required'
  | 'remove'
  | 'rename'
  | 'widen_type'
  | 'change_type'
  | 'change_unit'
  | 'narrow_limits'
  | 'widen_limits'
  | 'became_required'
  | 'reuse_number';

/** `coordinate` means deploy the consumer first; `breaking` is refused at registration. */
export type Verdict = 'safe' | 'coordinate' | 'breaking';

export interface ContractChange {
  readonly kind: ChangeKind;
  readonly field: string;
  readonly verdict: Verdict;
  /** What changed and the way out, in one sentence. */
  readonly advice: string;
}

const wayOut =
  'publish the old and the new field side by side for two firmware cycles, then retire the old one';

/** Type changes that lose nothing: every value of the first is a value of the second. */
const widenings: ReadonlySet<`${TagType}>${TagType}`> = new Set(['int32>int64', 'int32>float64'] as const);

/** Every difference between two versions of a contract, with its verdict from the guide's decision tree. */
export function compareContracts(before: DeviceTypeContract, after: DeviceTypeContract): ContractChange[] {
  const changes: ContractChange[] = [];
  const oldTags = new Map(before.tags.map((tag) => [tag.name, tag]));
  const newTags = new Map(after.tags.map((tag) => [tag.name, tag]));
  for (const tag of before.tags) {
    const successor = newTags.get(tag.name);
    if (successor) changes.push(...compareTag(tag, successor));
    else changes.push(removed(tag, after, oldTags));
  }
  for (const tag of after.tags) {
    if (oldTags.has(tag.name)) continue;
    changes.push(...added(tag, before));
  }
  return changes;
}

/** The changes that a mode refuses. An empty list means the new version may be registered. */
export function refusedChanges(
  changes: readonly ContractChange[],
  mode: CompatibilityMode,
): ContractChange[] {
  if (mode === 'NONE') return [];
  return changes.filter((change) => {
    if (change.verdict === 'breaking') return true;
    // A new required field breaks readers of old data; it does not break old readers of new data.
    return change.verdict === 'coordinate' && (mode === 'BACKWARD' || mode === 'FULL');
  });
}

function compareTag(before: TagContract, after: TagContract): ContractChange[] {
  const changes: ContractChange[] = [];
  const say = (kind: ChangeKind, verdict: Verdict, advice: string) =>
    changes.push({ kind, field: after.name, verdict, advice });
  if (before.number !== after.number) {
    say(
      'reuse_number',
      'breaking',
      `"${after.name}" moved from field number ${before.number} to ${after.number}; a number is for ever, so keep ${before.number}.`,
    );
  }
  if (before.type !== after.type) {
    if (widenings.has(`${before.type}>${after.type}`)) {
      say(
        'widen_type',
        'safe',
        `"${after.name}" widens from ${before.type} to ${after.type}; usually safe, test the consumers.`,
      );
    } else {
      say(
        'change_type',
        'breaking',
        `"${after.name}" changes from ${before.type} to ${after.type}; give the new type a new name and number and ${wayOut}.`,
      );
    }
  }
  if (before.unit !== after.unit) {
    say(
      'change_unit',
      'breaking',
      `"${after.name}" changes unit from "${before.unit}" to "${after.unit}"; every stored threshold would be wrong, so name a new field and ${wayOut}.`,
    );
  }
  if (!before.required && after.required) {
    say(
      'became_required',
      'coordinate',
      `"${after.name}" becomes required; wait until no firmware in the field omits it.`,
    );
  }
  const limits = compareLimits(before.limits, after.limits);
  if (limits === 'narrow')
    say(
      'narrow_limits',
      'breaking',
      `"${after.name}" accepts fewer values than before; keep the old limits or name a new field.`,
    );
  if (limits === 'wide') say('widen_limits', 'safe', `"${after.name}" accepts more values than before.`);
  return changes;
}

function compareLimits(
  before: readonly [number, number] | undefined,
  after: readonly [number, number] | undefined,
): 'same' | 'narrow' | 'wide' {
  const [oldLow, oldHigh] = before ?? [-Infinity, Infinity];
  const [newLow, newHigh] = after ?? [-Infinity, Infinity];
  if (newLow > oldLow || newHigh < oldHigh) return 'narrow';
  return newLow < oldLow || newHigh > oldHigh ? 'wide' : 'same';
}

function removed(
  tag: TagContract,
  after: DeviceTypeContract,
  oldTags: ReadonlyMap<string, TagContract>,
): ContractChange {
  const renamed = after.tags.find(
    (candidate) => candidate.number === tag.number && !oldTags.has(candidate.name),
  );
  if (renamed) {
    return {
      kind: 'rename',
      field: tag.name,
      verdict: 'breaking',
      advice: `"${tag.name}" was renamed to "${renamed.name}"; a rename always breaks, so ${wayOut}.`,
    };
  }
  return {
    kind: 'remove',
    field: tag.name,
    verdict: 'breaking',
    advice: `"${tag.name}" was removed; first prove that no device sends it (field-retirement check), then retire it.`,
  };
}

function added(tag: TagContract, before: DeviceTypeContract): ContractChange[] {
  const taken = before.tags.find((candidate) => candidate.number === tag.number);
  const changes: ContractChange[] = taken
    ? [
        {
          kind: 'reuse_number',
          field: tag.name,
          verdict: 'breaking',
          advice: `"${tag.name}" takes field number ${tag.number} of "${taken.name}"; numbers are never reused.`,
        },
      ]
    : [];
  changes.push(
    tag.required
      ? {
          kind: 'add_required',
          field: tag.name,
          verdict: 'coordinate',
          advice: `"${tag.name}" is new and required; deploy the consumers first, then the firmware.`,
        }
      : {
          kind: 'add_optional',
          field: tag.name,
          verdict: 'safe',
          advice: `"${tag.name}" is new and optional.`,
        },
  );
  return changes;
}
