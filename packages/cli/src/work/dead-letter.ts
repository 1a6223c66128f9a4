import { MillraceError } from '@millrace/foundation';
import type { Invocation, Work } from '../command.js';
import { flagOption, integerOption, textOption } from '../options.js';
import { platformClient } from '../runtime/api-client.js';
import { printJson, textTable } from '../runtime/table.js';

interface DeadLetter {
  readonly id: string;
  readonly received_at: string;
  readonly device_id: string | null;
  readonly client_id: string;
  readonly topic: string;
  readonly reason: string;
  readonly detail: string;
  readonly content_type: string | null;
  readonly payload_bytes: number;
  readonly payload: string | null;
  readonly payload_base64: string | null;
  readonly status: string;
  readonly actions: readonly { at: string; by: string; outcome: string; detail: string }[];
}

interface ReplayResult {
  readonly id: string;
  readonly outcome: 'stored' | 'duplicate' | 'refused' | 'skipped';
  readonly detail: string;
}

interface ReplayReport {
  readonly stored: number;
  readonly duplicates: number;
  readonly refused: number;
  readonly skipped: number;
  readonly problems: readonly ReplayResult[];
}

export const deadLetterList: Work = async (invocation) => {
  const status = textOption(invocation, 'status');
  const query = new URLSearchParams({
    limit: String(integerOption(invocation, 'limit', '--limit', 1, 1_000) ?? 100),
    ...(status === 'all' || status === undefined ? {} : { status }),
    ...given(invocation),
  });
  const client = platformClient(invocation);
  const { items } = await client.call<{ items: DeadLetter[] }>('GET', `/v1/dead-letters?${query}`);
  if (flagOption(invocation, 'json')) printJson(items);
  else {
    const rows = items.map((l) => [l.id, l.received_at, l.device_id, l.status, l.reason, l.detail]);
    const headings = ['ID', 'RECEIVED', 'DEVICE', 'STATUS', 'REASON', 'DETAIL'];
    process.stdout.write(textTable(headings, rows, 'No dead letters.'));
  }
  return 0;
};

export const deadLetterShow: Work = async (invocation) => {
  const letter = await platformClient(invocation).call<DeadLetter>(
    'GET',
    `/v1/dead-letters/${idOf(invocation)}`,
  );
  if (flagOption(invocation, 'json')) printJson(letter);
  else process.stdout.write(letterText(letter));
  return 0;
};

export const deadLetterReplay: Work = async (invocation) => {
  const id = textOption(invocation, 'id');
  const filter = given(invocation);
  const ways = [id !== undefined, Object.keys(filter).length > 0, flagOption(invocation, 'all')];
  if (ways.filter(Boolean).length !== 1)
    throw new MillraceError(
      'invalid_argument',
      'Say which dead letters to replay: --id, or --reason and/or --device, or --all.',
    );
  const client = platformClient(invocation);
  const limit = integerOption(invocation, 'limit', '--limit', 1, 10_000);
  const report =
    id === undefined
      ? await client.call<ReplayReport>('POST', '/v1/dead-letters/replay', { ...filter, limit })
      : reportOf(
          await client.call<ReplayResult>('POST', `/v1/dead-letters/${encodeURIComponent(id)}/replay`),
        );
  if (flagOption(invocation, 'json')) printJson(report);
  else process.stdout.write(reportText(report));
  return report.refused + report.skipped > 0 ? 1 : 0;
};

export const deadLetterDiscard: Work = async (invocation) => {
  const id = idOf(invocation);
  await platformClient(invocation).call('POST', `/v1/dead-letters/${id}/discard`, {
    why: textOption(invocation, 'why'),
  });
  process.stdout.write(`Dead letter ${id} is discarded: its payload is gone, the record of it stays.\n`);
  return 0;
};

function given(invocation: Invocation): { reason?: string; device_id?: string } {
  const reason = textOption(invocation, 'reason');
  const device = textOption(invocation, 'device');
  return {
    ...(reason === undefined ? {} : { reason }),
    ...(device === undefined ? {} : { device_id: device }),
  };
}

function idOf({ args }: Invocation): string {
  return encodeURIComponent(args.id ?? '');
}

function reportOf(result: ReplayResult): ReplayReport {
  const is = (outcome: string) => (result.outcome === outcome ? 1 : 0);
  const counts = { stored: is('stored'), duplicates: is('duplicate'), refused: is('refused') };
  return { ...counts, skipped: is('skipped'), problems: result.detail === '' ? [] : [result] };
}

/** What a replay did, one line a trouble. */
export function reportText({ stored, duplicates, refused, skipped, problems }: ReplayReport): string {
  const lines = problems.map(({ id, outcome, detail }) => `Dead letter ${id} ${outcome}: ${detail}`);
  const already = duplicates === 0 ? '' : `, ${duplicates} stored already`;
  const untried = skipped === 0 ? '' : `, ${skipped} not tried`;
  return `${[...lines, `${stored} stored${already}, ${refused} refused again and kept${untried}.`].join('\n')}\n`;
}

/** A dead letter for a terminal: what is known of it, then its payload as text, indented JSON or hex. */
export function letterText(letter: DeadLetter): string {
  const facts: [string, string | null][] = [
    ['id', letter.id],
    ['status', letter.status],
    ['received', letter.received_at],
    ['reason', letter.reason],
    ['detail', letter.detail],
    ['device', letter.device_id],
    ['client', letter.client_id],
    ['topic', letter.topic],
    ['content type', letter.content_type],
    ['payload', `${letter.payload_bytes} bytes`],
    ...letter.actions.map((action): [string, string] => [
      action.outcome,
      `${action.at} by ${action.by}${action.detail === '' ? '' : `: ${action.detail}`}`,
    ]),
  ];
  const lines = facts.flatMap(([name, value]) => (value === null ? [] : [`${name.padEnd(13)} ${value}`]));
  return `${lines.join('\n')}\n\n${payloadText(letter)}\n`;
}

function payloadText({ payload, payload_base64, status }: DeadLetter): string {
  if (payload_base64 !== null) return hexDump(Buffer.from(payload_base64, 'base64'));
  if (payload === null || payload === '') return status === 'discarded' ? '(removed)' : '(empty)';
  try {
    return JSON.stringify(JSON.parse(payload), null, 2);
  } catch {
    // What a sender wrote must not steer the terminal of who reads it.
    return payload.replaceAll(/[^\P{Cc}\t\n]/gu, '\ufffd');
  }
}

function hexDump(bytes: Buffer): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16);
    const hex = [...row].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = row.toString('latin1').replaceAll(/[^\x20-\x7e]/g, '.');
    lines.push(`${at.toString(16).padStart(6, '0')}  ${hex.padEnd(47)}  ${text}`);
  }
  return lines.join('\n');
}
