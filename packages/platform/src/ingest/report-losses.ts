import type { GatewayEvent } from '@millrace/contracts';
import type { Ledger } from '../ledger/ledger.js';
import type { Batch } from './batch.js';
import type { DeviceDirectory } from './device-directory.js';

type DataLoss = Extract<GatewayEvent, { type: 'data_loss' }>;

/**
 * Puts the losses that gateways report into the batch's ledger changes, so that the event and its effect are
 * committed together. A gateway may speak of itself and of its devices; anything else is only an event.
 */
export function reportLosses(batch: Batch, directory: DeviceDirectory, ledger: Ledger): void {
  for (const event of batch.events) {
    if (event.type !== 'data_loss') continue;
    const loss = JSON.parse(event.body) as Partial<DataLoss>;
    const speaker = directory.byNo(event.deviceNo);
    const device = directory.byId(event.tenantId, String(loss.device_id));
    if (speaker === undefined || device === undefined) continue;
    const maySpeak = device === speaker || device.gatewayDeviceId === speaker.deviceId;
    const { seq_from: first, seq_to: last, ts_from: fromTs = event.ts, ts_to: toTs = event.ts } = loss;
    if (!maySpeak || !isNumber(first) || !isNumber(last) || first > last) continue;
    const ledgerOfDevice = ledger.device(device.tenantId, device.deviceNo);
    // The report may come before the first message of its numbering; then only its epoch says where it belongs.
    const numbering = isEpoch(loss.epoch)
      ? ledgerOfDevice.numbering(loss.epoch, fromTs)
      : (ledgerOfDevice.latest ?? ledgerOfDevice.choose(-1, first, 0));
    batch.changes.reportLost(numbering, { first, last }, fromTs, toTs);
  }
}

/** `meta.epoch` is an uint32. */
function isEpoch(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32;
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}
