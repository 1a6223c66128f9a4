import { parseClientId } from '@millrace/contracts';
import type { Ingress } from '@millrace/mqtt';
import type { Replay, ReplayBatch } from '../ingest/replay.js';
import type { Binding } from '../ingest/route.js';
import type { DeadLetter, ReplayResult } from './model.js';

/** Who asks for a replay, and when (ms). */
export interface ReplayOrder {
  readonly tenantId: number;
  readonly by: string;
  readonly at: number;
}

/**
 * Sends letters through the river again, each with the topic, the speaker and the time of arrival that it had.
 * Resolves when they are committed: the database is the only judge of what was stored.
 */
export async function replayLetters(
  ingress: Ingress,
  order: ReplayOrder,
  letters: readonly Omit<DeadLetter, 'actions'>[],
): Promise<ReplayResult[]> {
  const skipped: ReplayResult[] = [];
  const rows: { letter: Omit<DeadLetter, 'actions'>; binding: Binding; replay: Replay }[] = [];
  for (const letter of letters) {
    const binding = bind(ingress, order.tenantId, letter);
    const obstacle =
      letter.payload.length < letter.payloadBytes
        ? 'Only the beginning of its payload was kept.'
        : binding === undefined
          ? `Its topic ${letter.topic} is not one that the platform takes readings from.`
          : undefined;
    if (obstacle !== undefined || binding === undefined)
      skipped.push({ deadLetterId: letter.deadLetterId, outcome: 'skipped', detail: obstacle ?? '' });
    else rows.push({ letter, binding, replay: replayOf(letter, order) });
  }
  if (rows.length > 0) await new Promise<void>((resolve) => ingress.submit(batchOf(rows), resolve));
  return [
    ...rows.map(({ replay }): ReplayResult => {
      const { deadLetterId, outcome, refusal } = replay;
      const detail = refusal === undefined ? '' : `${refusal.shownReason}: ${refusal.detail}`;
      return { deadLetterId, outcome: outcome ?? 'refused', detail };
    }),
    ...skipped,
  ];
}

function bind(ingress: Ingress, tenantId: number, letter: Omit<DeadLetter, 'actions'>): Binding | undefined {
  const { clientId, topic } = letter;
  const tenant = parseClientId(clientId)?.tenant ?? topic.split('/', 1)[0]!;
  const speaker = { clientId, tenant, certificateSerial: undefined, messagesPerMinuteAlert: 0 };
  const binding = ingress.bind(speaker, topic) as Binding | undefined;
  return binding?.tenantId === tenantId ? binding : undefined;
}

function replayOf(letter: Omit<DeadLetter, 'actions'>, order: ReplayOrder): Replay {
  const { deadLetterId, epoch, seq } = letter;
  const number = epoch === null || seq === null ? undefined : { epoch, seq };
  return { ...order, deadLetterId, number, outcome: undefined, refusal: undefined };
}

function batchOf(
  rows: readonly { letter: Omit<DeadLetter, 'actions'>; binding: Binding; replay: Replay }[],
): ReplayBatch {
  const count = rows.length;
  const start = new Uint32Array(count);
  const end = new Uint32Array(count);
  let at = 0;
  for (const [i, { letter }] of rows.entries()) {
    start[i] = at;
    at += letter.payload.length;
    end[i] = at;
  }
  return {
    length: count,
    bindings: rows.map(({ binding }) => binding),
    bytes: Buffer.concat(rows.map(({ letter }) => letter.payload)),
    start,
    end,
    qos: new Uint8Array(count).fill(1),
    dup: new Uint8Array(count),
    contentTypes: new Map(
      rows.flatMap(({ letter }, i) =>
        letter.contentType === null ? [] : [[i, letter.contentType] as [number, string]],
      ),
    ),
    receivedAtMs: Float64Array.from(rows, ({ letter }) => letter.receivedAt),
    reasonCodes: new Uint8Array(count),
    replays: new Map(rows.map(({ replay }, i) => [i, replay])),
  };
}
