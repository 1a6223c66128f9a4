import { MillraceError } from '@millrace/foundation';

/** A time of a query: RFC 3339 or epoch ms. Throws `invalid_argument` naming the parameter. */
export function readTime(name: string, text: string): number {
  const ms = /^\d{1,15}$/.test(text)
    ? Number(text)
    : /^\d{4}-\d\d-\d\d/.test(text)
      ? Date.parse(text)
      : Number.NaN;
  if (!Number.isFinite(ms))
    throw new MillraceError(
      'invalid_argument',
      `${name} "${text}" must be a time such as 2026-01-31T08:00:00Z, or epoch ms.`,
    );
  return ms;
}

/** A range of a query. Throws `invalid_argument` unless `from` is before `to`. */
export function readRange(query: { from: string; to: string }): { fromMs: number; toMs: number } {
  const fromMs = readTime('from', query.from);
  const toMs = readTime('to', query.to);
  if (fromMs >= toMs) throw new MillraceError('invalid_argument', 'from must be before to: exchange them.');
  return { fromMs, toMs };
}

/** RFC 3339 in UTC; null for 0 and null. */
export function iso(ms: number | null | undefined): string | null {
  return ms ? new Date(ms).toISOString() : null;
}

export function isoAt(ms: number): string {
  return new Date(ms).toISOString();
}

/** The number behind a cursor of a list that is ordered by number, newest first. */
export function readIdCursor(cursor: string | undefined): number | undefined {
  if (cursor === undefined) return undefined;
  const id = /^n\d{1,15}$/.test(cursor) ? Number(cursor.slice(1)) : Number.NaN;
  if (!Number.isFinite(id))
    throw new MillraceError(
      'invalid_argument',
      'cursor does not belong to this list: ask again without it, and pass next_cursor on unchanged.',
    );
  return id;
}

/** A page cut from one row more than was asked for. */
export function idPage<R, T>(rows: readonly R[], limit: number, id: (row: R) => number, show: (row: R) => T) {
  const page = rows.slice(0, limit);
  const more = rows.length > limit;
  return { items: page.map(show), next_cursor: more ? `n${id(page.at(-1)!)}` : null, has_more: more };
}
