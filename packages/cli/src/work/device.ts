import type { Work } from '../command.js';
import { flagOption, textOption } from '../options.js';
import { type ApiClient, platformClient } from '../runtime/api-client.js';
import { ageText, printJson, textTable } from '../runtime/table.js';
import { type DeviceEntry, readDeviceFile } from './device-file.js';

export interface DeviceState {
  readonly device_id: string;
  readonly device_type: string;
  readonly title: string;
  readonly site: string;
  readonly area: string;
  readonly line: string;
  readonly gateway_id: string | null;
  readonly state: 'online' | 'stale' | 'offline' | 'never_seen';
  readonly state_reason: string | null;
  readonly last_seen: string | null;
  readonly gaps_open: number;
  readonly worst_quality: { readonly q: number; readonly words: string; readonly tag: string } | null;
}

interface Page {
  readonly items: readonly DeviceState[];
  readonly next_cursor: string | null;
}

/** Every device of the tenant, page by page. */
export async function allDevices(client: ApiClient, filter = ''): Promise<DeviceState[]> {
  const devices: DeviceState[] = [];
  let cursor: string | null = null;
  do {
    const at: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page: Page = await client.call<Page>('GET', `/v1/devices?limit=200${filter}${at}`);
    devices.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return devices;
}

/** Registers one device; registering the same again is no error. */
export async function registerDevice(client: ApiClient, entry: DeviceEntry): Promise<void> {
  await client.call('POST', '/v1/devices', { ...entry, title: entry.title ?? entry.device_id });
}

export const deviceList: Work = async (invocation) => {
  const state = textOption(invocation, 'state');
  const devices = await allDevices(platformClient(invocation), state ? `&state=${state}` : '');
  if (flagOption(invocation, 'json')) printJson(devices);
  else process.stdout.write(deviceTable(devices, Date.now()));
  return 0;
};

/** One line a device: where it hangs, how it is, since when. */
export function deviceTable(devices: readonly DeviceState[], nowMs: number): string {
  const rows = devices.map((d) => [
    d.device_id,
    d.device_type,
    `${d.site}/${d.area}/${d.line}`,
    d.gateway_id,
    d.state.replace('_', ' '),
    d.last_seen === null ? null : `${ageText(nowMs - Date.parse(d.last_seen))} ago`,
    d.worst_quality ? `${d.worst_quality.tag}: ${d.worst_quality.words}` : null,
    d.gaps_open,
  ]);
  const headings = ['DEVICE', 'TYPE', 'PLACE', 'GATEWAY', 'STATE', 'LAST SEEN', 'WORST QUALITY', 'OPEN GAPS'];
  return textTable(headings, rows, 'No devices. "millrace device add" registers one.');
}

export const deviceAdd: Work = async (invocation) => {
  const text = (name: string) => textOption(invocation, name);
  const title = text('title');
  const enterprise = text('enterprise');
  const gateway = text('gateway');
  const id = invocation.args.device ?? '';
  await platformClient(invocation).call('POST', '/v1/devices', {
    device_id: id,
    device_type: text('type'),
    title: title ?? id,
    site: text('site'),
    area: text('area'),
    line: text('line'),
    ...(enterprise === undefined ? {} : { enterprise }),
    ...(gateway === undefined ? {} : { gateway_id: gateway }),
  });
  process.stdout.write(
    gateway === undefined
      ? `Device ${id} is registered. "millrace certificate issue --device ${id}" gives it its identity.\n`
      : `Device ${id} is registered behind gateway ${gateway}.\n`,
  );
  return 0;
};

export const deviceImport: Work = async (invocation) => {
  const entries = readDeviceFile(invocation.args.file ?? '');
  const client = platformClient(invocation);
  for (const entry of entries) await registerDevice(client, entry);
  process.stdout.write(`${entries.length} device(s) registered from ${invocation.args.file}.\n`);
  return 0;
};
