import { isGood, qualityWords } from '@millrace/contracts';
import type { DeviceState } from '../live/index.js';

export interface WorstQuality {
  readonly q: number;
  readonly words: string;
  readonly tag: string;
}

/** A device as the API shows it. */
export interface DeviceView {
  readonly device_id: string;
  readonly device_type: string;
  readonly title: string;
  readonly enterprise: string;
  readonly site: string;
  readonly area: string;
  readonly line: string;
  readonly gateway_id: string | null;
  readonly state: DeviceState;
  readonly state_reason: string | null;
  readonly last_seen: string | null;
  readonly last_ts: string | null;
  readonly fw_version: string | null;
  readonly schema_version: string | null;
  readonly worst_quality: WorstQuality | null;
  readonly gaps_open: number;
  readonly created_at: string;
}

export interface AssetNode {
  readonly id: string;
  readonly kind: 'enterprise' | 'site' | 'area' | 'line' | 'device';
  readonly name: string;
  readonly device_id?: string;
  readonly device_type?: string;
  readonly state?: DeviceState;
  readonly devices: { total: number; online: number };
  worst_quality: WorstQuality | null;
  readonly children: AssetNode[];
}

/** The worst value that is not good; null when all are good or there is none. */
export function worstOf(
  values: readonly { readonly tag: string; readonly q: number }[],
): WorstQuality | null {
  let worst: { tag: string; q: number } | undefined;
  for (const value of values)
    if (!isGood(value.q) && (worst === undefined || value.q < worst.q)) worst = value;
  return worst === undefined ? null : { q: worst.q, words: qualityWords(worst.q), tag: worst.tag };
}

const levels = ['site', 'area', 'line'] as const;

/** The tree from the enterprise to the devices, each level sorted by name, with counts and quality rolled up. */
export function buildTree(slug: string, title: string, devices: readonly DeviceView[]): AssetNode {
  const root = node(slug, 'enterprise', title);
  const nodes = new Map<string, AssetNode>();
  for (const device of [...devices].sort((a, b) => (pathOf(a) < pathOf(b) ? -1 : 1))) {
    const path = [root];
    for (const kind of levels) {
      const parent = path.at(-1)!;
      const id = `${parent.id}/${device[kind]}`;
      let found = nodes.get(id);
      if (found === undefined) {
        found = node(id, kind, device[kind]);
        nodes.set(id, found);
        parent.children.push(found);
      }
      path.push(found);
    }
    const leaf: AssetNode = {
      ...node(`${path.at(-1)!.id}/${device.device_id}`, 'device', device.title),
      device_id: device.device_id,
      device_type: device.device_type,
      state: device.state,
    };
    path.at(-1)!.children.push(leaf);
    for (const each of [...path, leaf]) {
      each.devices.total++;
      if (device.state === 'online') each.devices.online++;
      const { worst_quality: worst } = device;
      if (worst !== null && (each.worst_quality === null || worst.q < each.worst_quality.q))
        each.worst_quality = worst;
    }
  }
  return root;
}

function pathOf(device: DeviceView): string {
  return [device.site, device.area, device.line, device.device_id].join('/');
}

function node(id: string, kind: AssetNode['kind'], name: string): AssetNode {
  return { id, kind, name, devices: { total: 0, online: 0 }, worst_quality: null, children: [] };
}

/** Whether a device passes the filters of a list; `q` searches id, title and type. */
export function passes(
  device: DeviceView,
  filter: Readonly<Partial<Record<'q' | 'state' | 'type' | 'site' | 'area' | 'line', string>>>,
): boolean {
  const { q, state, type, site, area, line } = filter;
  const text = `${device.device_id} ${device.title} ${device.device_type}`.toLowerCase();
  return (
    (q === undefined || text.includes(q.toLowerCase())) &&
    (state === undefined || device.state === state) &&
    (type === undefined || device.device_type === type) &&
    (site === undefined || device.site === site) &&
    (area === undefined || device.area === area) &&
    (line === undefined || device.line === line)
  );
}
