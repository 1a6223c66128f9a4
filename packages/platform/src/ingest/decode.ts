import { contentTypes, deviceTypes, payloadBytesMax } from '@millrace/contracts';
import { type PublishBatch, ReasonCode } from '@millrace/mqtt';
import { type Batch, type PendingDeadLetter, RowState } from './batch.js';
import { decodeEvent } from './decode-event.js';
import { decodeJson } from './decode-json.js';
import { decodeProtobufRow } from './decode-protobuf.js';
import { asOfOld, refuseReplay } from './replay.js';
import type { Binding, DeviceRoute } from './route.js';
import type { RowScratch } from './row-scratch.js';
import type { Layouts } from './table-layout.js';
import { deadLetter } from './verdict.js';
import { writeRow } from './write-row.js';

export interface DecodeContext {
  readonly layouts: Layouts;
  readonly scratch: RowScratch;
  /** Finds the route of a binding whose device was unknown when it was made. */
  readonly resolve: (binding: Binding) => DeviceRoute | undefined;
  readonly nowMs: number;
}

/**
 * Stage decode and validate: every row of a PUBLISH batch becomes a row of its table's COPY buffer, an event, or a
 * dead letter. Nothing is known of duplicates here.
 */
export function decode(batch: Batch, publish: PublishBatch, from: number, context: DecodeContext): void {
  for (let i = 0; i < publish.length; i++) {
    const row = from + i;
    const binding = publish.bindings[i] as Binding;
    batch.receivedAt[row] = publish.receivedAtMs[i]!;
    batch.state[row] = RowState.live;
    batch.seq[row] = 0;
    batch.ts[row] = 0;
    batch.epoch[row] = -1;
    const start = publish.start[i]!;
    const end = publish.end[i]!;
    batch.payloadBytes += end - start;
    binding.route ??= context.resolve(binding);
    batch.routes[row] = binding.route;
    const replay = batch.replays.size > 0 ? batch.replays.get(row) : undefined;
    const wrong =
      replay === undefined
        ? decodeRow(batch, row, publish, i, binding, context)
        : asOfOld(binding, () => decodeRow(batch, row, publish, i, binding, context));
    if (wrong !== undefined && replay !== undefined) refuseReplay(batch, row, replay, wrong);
    else if (wrong !== undefined) {
      batch.state[row] = RowState.deadLetter;
      batch.deadLetters.set(row, wrong);
    }
    publish.reasonCodes[i] = ReasonCode.success;
  }
}

function decodeRow(
  batch: Batch,
  row: number,
  publish: PublishBatch,
  i: number,
  binding: Binding,
  context: DecodeContext,
): PendingDeadLetter | undefined {
  const start = publish.start[i]!;
  const end = publish.end[i]!;
  if (end - start > payloadBytesMax)
    return deadLetter('payload_too_large', `${end - start} bytes; at most ${payloadBytesMax} are accepted.`);
  const { route } = binding;
  if (route === undefined) return unknown(binding);
  const contentType = publish.contentTypes.size > 0 ? publish.contentTypes.get(i) : undefined;
  const isProtobuf = contentType === contentTypes.protobuf && binding.class === 'telemetry';
  if (contentType !== undefined && contentType !== contentTypes.json && !isProtobuf)
    return deadLetter('unsupported_content_type', `Content type ${contentType} is not understood.`);
  const { scratch } = context;
  const receivedAt = batch.receivedAt[row]!;
  if (binding.class !== 'telemetry') {
    const event = decodeEvent(publish.bytes.subarray(start, end), binding, route, receivedAt);
    if ('reason' in event) return event;
    batch.state[row] = RowState.handled;
    batch.events.push(event);
    return undefined;
  }
  const { scanner } = route.type;
  const { nowMs } = context;
  const whole = () => publish.bytes.subarray(start, end);
  const wrong = isProtobuf
    ? decodeProtobufRow(whole(), binding, route, scratch, nowMs)
    : scanner.scan(publish.bytes, start, end, binding, route, scratch, nowMs)
      ? undefined
      : decodeJson(whole(), binding, route, scratch, nowMs);
  batch.ts[row] = scratch.ts;
  batch.seq[row] = scratch.seq;
  batch.epoch[row] = scratch.epoch;
  if (wrong !== undefined) return wrong;
  if (scratch.seq === 0) batch.unnumbered.set(row, scratch.msgId.toString('hex'));
  if (scratch.fwVersion !== undefined && scratch.fwVersion !== route.fwVersion)
    route.fwVersion = scratch.fwVersion;
  writeRow(batch, row, route, scratch, context.layouts);
  return undefined;
}

function unknown(binding: Binding): PendingDeadLetter {
  const deviceType = binding.prefix.split('/')[4]?.replaceAll('-', '_') ?? '';
  return deviceTypes.has(deviceType)
    ? deadLetter('unknown_device', `No device is registered under ${binding.prefix}.`)
    : deadLetter('unknown_device_type', `There is no contract for ${deviceType}.`);
}
