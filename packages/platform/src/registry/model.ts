import { isHierarchySegment } from '@millrace/contracts';
import { MillraceError } from '@millrace/foundation';
import type { DeviceEntry } from '../ingest/device-directory.js';

/** A tenant: the first topic segment and who the rows belong to. */
export interface Tenant {
  readonly tenantId: number;
  readonly slug: string;
  readonly title: string;
}

/** A registered device as memory holds it; times in ms. */
export interface DeviceRecord extends DeviceEntry {
  readonly title: string;
  readonly createdAt: number;
}

/** What a registration says of a device. */
export interface Registration {
  readonly device_id: string;
  readonly device_type: string;
  readonly title?: string;
  readonly enterprise?: string;
  readonly site: string;
  readonly area: string;
  readonly line: string;
  readonly gateway_id?: string | null;
}

/** True when a registration says what is registered already. */
export function sameDevice(record: DeviceRecord, wanted: Registration): boolean {
  return (
    record.deviceType === wanted.device_type &&
    record.site === wanted.site &&
    record.area === wanted.area &&
    record.line === wanted.line &&
    record.gatewayDeviceId === (wanted.gateway_id ?? null) &&
    (wanted.title === undefined || wanted.title === record.title)
  );
}

/** A page of anything with a stable key. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next_cursor: string | null;
  readonly has_more: boolean;
  readonly total_count: number;
}

/**
 * Cuts a page out of rows by keyset: rows after the cursor's (sort value, id), at most `limit` of them. `sort` names
 * a member, with `-` in front for descending. A cursor of another sort is refused with `invalid_argument`.
 */
export function pageOf<T>(
  rows: readonly T[],
  question: { readonly sort: string; readonly limit: number; readonly cursor?: string | undefined },
  key: (row: T, member: string) => string | number,
  id: (row: T) => string,
): Page<T> {
  const descending = question.sort.startsWith('-');
  const member = descending ? question.sort.slice(1) : question.sort;
  const compare = (a: readonly [string | number, string], b: readonly [string | number, string]): number => {
    const order = a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0;
    return (descending ? -order : order) || (a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0);
  };
  const keyed = rows.map((row) => ({ row, at: [key(row, member), id(row)] as const }));
  keyed.sort((a, b) => compare(a.at, b.at));
  const after = question.cursor === undefined ? undefined : readCursor(question.cursor, question.sort);
  const rest = after === undefined ? keyed : keyed.filter(({ at }) => compare(at, after) > 0);
  const page = rest.slice(0, question.limit);
  const more = rest.length > page.length;
  return {
    items: page.map(({ row }) => row),
    next_cursor: more ? writeCursor(question.sort, page.at(-1)!.at) : null,
    has_more: more,
    total_count: rows.length,
  };
}

function writeCursor(sort: string, at: readonly [string | number, string]): string {
  return Buffer.from(JSON.stringify([sort, ...at])).toString('base64url');
}

function readCursor(cursor: string, sort: string): readonly [string | number, string] {
  const refuse = () =>
    new MillraceError(
      'invalid_argument',
      'cursor does not belong to this list and order: ask again without it, and pass next_cursor on unchanged.',
    );
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    throw refuse();
  }
  if (!Array.isArray(parsed) || parsed.length !== 3 || parsed[0] !== sort) throw refuse();
  const [, value, last] = parsed as unknown[];
  if ((typeof value !== 'string' && typeof value !== 'number') || typeof last !== 'string') throw refuse();
  return [value, last];
}

/** Throws `config_invalid` unless the slug can stand in a topic. */
export function assertSlug(slug: string): void {
  if (!isHierarchySegment(slug))
    throw new MillraceError(
      'config_invalid',
      `tenant "${slug}" is not a topic segment: use lower-case letters, digits and single hyphens.`,
    );
}
