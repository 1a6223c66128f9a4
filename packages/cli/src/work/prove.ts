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
  const device = textOption(invocation, 'device');
  const to = timeOption(invocation, 'to', '--to') ?? Date.now();
  const from = timeOption(invocation, 'from', '--from') ?? to - DAY_MS;
  if (from >= to) throw new MillraceError('invalid_argument', '--from must be before --to.');
  const window = `from=${new Date(from).toISOString()}&to=${new Date(to).toISOString()}`;
  if (device === undefined) return proveFleet(invocation, window);
  const path = `/v1/devices/${encodeURIComponent(device)}/completeness?${window}`;
  const report = await platformClient(invocation).call<Completeness>('GET', path);
  if (flagOption(invocation, 'json')) printJson(report);
  else process.stdout.write(completenessText(device, from, to, report));
  return report.missing + report.lost > 0 ? 1 : 0;
};

/** Devices a request. */
const pageSize = 1_000;

async function proveFleet(invocation: Invocation, window: string): Promise<number> {
  const client = platformClient(invocation);
  const items: DeviceFigures[] = [];
  let cursor: string | null = null;
  let page: FleetPage;
  do {
    const next: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    page = await client.call<FleetPage>('GET', `/v1/completeness?${window}&limit=${pageSize}${next}`);
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor !== null);
  const report: FleetReport = { from: page.from, to: page.to, totals: page.totals, items };
  if (flagOption(invocation, 'json')) printJson(report);
  else process.stdout.write(fleetText(report));
  return report.totals.missing + report.totals.lost > 0 ? 1 : 0;
}

interface Figures {
  readonly expected: number;
  readonly stored: number;
  readonly missing: number;
  readonly dead_lettered: number;
  readonly lost: number;
  readonly duplicates_refused: number;
  /** Share of the expected numbers that arrived, 0 to 1; null where none was expected. */
  readonly completeness: number | null;
}

type DeviceFigures = Figures & { readonly device_id: string };

export interface FleetReport {
  readonly from: string;
  readonly to: string;
  readonly totals: Figures & {
    readonly devices: number;
    readonly reporting: number;
    readonly incomplete: number;
  };
  /** Worst first. */
  readonly items: readonly DeviceFigures[];
}

type FleetPage = FleetReport & { readonly next_cursor: string | null };

/** The fleet's account as a page for a person: the verdict, then every device, worst first. */
export function fleetText({ from, to, totals, items }: FleetReport): string {
  const absent = totals.missing + totals.lost;
  const verdict =
    totals.expected === 0
      ? 'NOTHING EXPECTED: no device sent anything in this time'
      : absent === 0
        ? `COMPLETE: every message of ${totals.reporting} device(s) has its fate on record`
        : `INCOMPLETE: ${absent} message(s) of ${totals.incomplete} device(s) are not here`;
  const cells = (name: string, row: Figures) => [
    name,
    shareText(row.completeness),
    row.expected,
    row.stored,
    row.missing,
    row.lost,
    row.dead_lettered,
    row.duplicates_refused,
  ];
  const rows = items.map((row) => cells(row.device_id, row));
  return [
    `${totals.devices} device(s), ${from} to ${to}`,
    '',
    verdict,
    '',
    textTable(
      ['DEVICE', 'COMPLETE', 'EXPECTED', 'STORED', 'MISSING', 'LOST', 'DEAD', 'DUPLICATES'],
      rows.length === 0 ? rows : [...rows, cells('all', totals)],
      'No devices are registered.',
    ),
  ].join('\n');
}

/** Never rounded up: 99.9996 % is not 100 %. */
function shareText(share: number | null): string {
  if (share === null) return '-';
  return share === 1 ? '100 %' : `${(Math.floor(share * 100_000) / 1_000).toFixed(3)} %`;
}

/** The report as a page for a person: the verdict first, then the account, then the ranges. */
export function completenessText(device: string, fromMs: number, toMs: number, report: Completeness): string {
  const absent = report.missing + report.lost;
  const verdict =
    report.expected === 0
      ? 'NOTHING EXPECTED: the device sent nothing in this time'
      : absent === 0
        ? 'COMPLETE: every message has its fate on record'
        : `INCOMPLETE: ${absent} message(s) are not here`;
  const share = report.expected === 0 ? '' : ` (${shareText(report.stored / report.expected)})`;
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
