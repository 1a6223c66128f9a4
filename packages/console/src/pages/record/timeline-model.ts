import type { Gap } from '../../api/types';

export type StripKind = 'gap' | 'late' | 'lost' | 'silence';

/** A stretch of a device's record that is not plainly stored, ms. */
export interface Strip {
  readonly kind: StripKind;
  readonly from: number;
  readonly to: number;
}

/** What a break is by now: a closed gap was filled by late messages; a reported loss stays one. */
export function kindOf(gap: Gap): StripKind {
  if (gap.kind === 'silence') return 'silence';
  if (gap.cause === 'data_loss' && (gap.missing > 0 || gap.closed_at === null)) return 'lost';
  return gap.closed_at === null ? 'gap' : 'late';
}

/** Where the worse is drawn over the less bad. */
const order: readonly StripKind[] = ['silence', 'late', 'gap', 'lost'];

/** The breaks within [from, to], cut to it, the worst last; one that is not over reaches to the end. */
export function strips(gaps: readonly Gap[], from: number, to: number): Strip[] {
  return gaps
    .map((gap) => ({
      kind: kindOf(gap),
      from: Math.max(from, Date.parse(gap.from)),
      to: Math.min(to, gap.to === null ? to : Date.parse(gap.to)),
    }))
    .filter((strip) => strip.to >= strip.from && strip.from < to)
    .sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
}

/** How often and how long in all, by kind, ms. */
export function sums(all: readonly Strip[]): ReadonlyMap<StripKind, { times: number; ms: number }> {
  const found = new Map<StripKind, { times: number; ms: number }>();
  for (const { kind, from, to } of all) {
    const sum = found.get(kind) ?? { times: 0, ms: 0 };
    found.set(kind, { times: sum.times + 1, ms: sum.ms + to - from });
  }
  return found;
}
