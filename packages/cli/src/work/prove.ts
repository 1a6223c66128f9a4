import { MillraceError } from '@millrace/foundation';
import type { Invocation, Work } from '../command.js';
import { flagOption, textOption } from '../options.js';
import { platformClient } from '../runtime/api-client.js';
import { printJson, textTable } from '../runtime/table.js';

export interface Completeness {
  readonly expected: number;
  readonly stored: number;
  readonly missing: number;
  readonly dead_lettered: number;
  readonly lost: number;
  readonly duplicates_refused: number;
  readonly ranges: readonly Readonly<Record<string, unknown>>[];
}

const DAY_MS = 86_400_000;

export const prove: Work = async (invocation) => {
  const device = textOption(invocation, 'device') ?? '';
  const to = timeOption(invocation, 'to', '--to') ?? Date.now();
  const from = timeOption(invocation, 'from', '--from') ?? to - DAY_MS;
  if (from >= to) throw new MillraceError('invalid_argument', '--from must be before --to.');
  const window = `from=${new Date(from).toISOString()}&to=${new Date(to).toISOString()}`;
  const path = `/v1/devices/${encodeURIComponent(device)}/completeness?${window}`;
  const report = await platformClient(invocation).call<Completeness>('GET', path);
  if (flagOption(invocation, 'json')) printJson(report);
  else process.stdout.write(completenessText(device, from, to, report));
  return report.missing + report.lost > 0 ? 1 : 0;
};

/** The report as a page for a person: the verdict first, then the account, then the ranges. */
export function completenessText(device: string, fromMs: number, toMs: number, report: Completeness): string {
  const absent = report.missing + report.lost;
  const verdict =
    report.expected === 0
      ? 'NOTHING EXPECTED: the device sent nothing in this time'
      : absent === 0
        ? 'COMPLETE: every message has its fate on record'
        : `INCOMPLETE: ${absent} message(s) are not here`;
  const share = report.expected === 0 ? '' : ` (${((100 * report.stored) / report.expected).toFixed(3)} %)`;
  const account = [
    ['expected', report.expected, 'numbers the device gave out'],
    ['stored', report.stored, `as readings${share}`],
    ['dead letters', report.dead_lettered, 'kept with their reason, not as readings'],
    ['missing', report.missing, 'not arrived; they may still come'],
    ['lost', report.lost, 'reported as lost by the sender'],
    ['duplicates refused', report.duplicates_refused, 'arrived again and were not stored twice'],
  ] as const;
  const lines = account.map(
    ([name, count, doc]) => `  ${name.padEnd(20)}${String(count).padStart(12)}  ${doc}`,
  );
  const ranges = report.ranges.map((range) => [
    range.kind ?? range.state,
    `${range.from_seq ?? range.from}-${range.to_seq ?? range.to}`,
    range.cause,
    range.evidence,
  ]);
  return [
    `${device}, ${new Date(fromMs).toISOString()} to ${new Date(toMs).toISOString()}`,
    '',
    verdict,
    '',
    ...lines,
    '',
    textTable(['KIND', 'NUMBERS', 'CAUSE', 'EVIDENCE'], ranges, 'No gaps in this time.'),
  ].join('\n');
}

function timeOption(invocation: Invocation, name: string, flag: string): number | undefined {
  const text = textOption(invocation, name);
  if (text === undefined) return undefined;
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) {
    throw new MillraceError(
      'invalid_argument',
      `${flag} "${text}" is not a time such as 2026-01-31T08:00:00Z.`,
    );
  }
  return ms;
}
