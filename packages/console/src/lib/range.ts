/** The time range of a view, as its URL carries it: a length that follows the present, or two fixed ends. */
export interface RangeSearch {
  readonly range?: string | undefined;
  /** Fixed ends, ms; both or neither. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

export const ranges: readonly { readonly id: string; readonly title: string; readonly ms: number }[] = [
  { id: '15m', title: '15 min', ms: 900_000 },
  { id: '1h', title: '1 h', ms: 3_600_000 },
  { id: '6h', title: '6 h', ms: 21_600_000 },
  { id: '24h', title: '24 h', ms: 86_400_000 },
  { id: '7d', title: '7 d', ms: 604_800_000 },
];

export const defaultRange = '15m';

/** Reads the range from a URL's parameters; what is malformed is left out. */
export function rangeSearch(search: Record<string, unknown>): RangeSearch {
  const from = Number(search.from);
  const to = Number(search.to);
  const fixed = Number.isFinite(from) && Number.isFinite(to) && to > from && from > 0;
  if (fixed) return { from, to };
  const range = ranges.find((one) => one.id === search.range)?.id;
  return range === undefined || range === defaultRange ? {} : { range };
}

/** Length of the range that a view shows, ms. */
export function rangeMs(search: RangeSearch): number {
  if (isFixed(search)) return search.to! - search.from!;
  return (ranges.find((one) => one.id === (search.range ?? defaultRange)) ?? ranges[0]!).ms;
}

/** Whether the view stands still instead of following the present. */
export function isFixed(search: RangeSearch): boolean {
  return search.from !== undefined && search.to !== undefined;
}

/** The two ends of the range at the moment `present`. */
export function rangeEnds(search: RangeSearch, present: number): { from: number; to: number } {
  if (isFixed(search)) return { from: search.from!, to: search.to! };
  return { from: present - rangeMs(search), to: present };
}
