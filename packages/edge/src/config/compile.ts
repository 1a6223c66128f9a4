import { type DeviceTypeContract, deviceTypes, latestContract, type TagContract } from '@millrace/contracts';
import type { ConfigProblem } from '@millrace/foundation';
import type { GatewayConfig } from './declaration.js';
import type { DevicePlan, Plan, Signal, TagPlan } from './plan.js';
import type { TagSettings } from './tag-settings.js';

/** What every driver's configuration has in common. */
interface AnyDriver {
  readonly devices: Readonly<Record<string, { readonly tags: Readonly<Record<string, TagSettings>> }>>;
}
type Locate = (path: readonly (string | number)[]) => number;

/** Collects what is wrong between the parts of a configuration that are each right by themselves. */
class Problems {
  readonly list: ConfigProblem[] = [];
  readonly #locate: Locate;

  constructor(locate: Locate) {
    this.#locate = locate;
  }

  add(path: readonly string[], message: string): void {
    this.list.push({ path: path.join('.'), line: this.#locate(path), message });
  }
}

/**
 * Resolves a configuration against the device types' contracts and checks the references between its parts. Every
 * problem is returned at once, with its path and line.
 */
export function compilePlan(
  config: GatewayConfig,
  locate: Locate,
): { readonly plan: Plan; readonly problems: readonly ConfigProblem[] } {
  const problems = new Problems(locate);
  const devices = new Map<string, DevicePlan>();
  for (const [id, device] of Object.entries(config.devices)) {
    const contract = contractOf(device.type, device.version, ['devices', id], problems);
    if (id === config.gateway.id) {
      problems.add(['devices', id], 'is the gateway itself; give the device an id of its own');
    }
    if (contract) devices.set(id, devicePlan(config, devices.size, id, contract));
  }
  const tags: TagPlan[] = [];
  const drivers = config.drivers as unknown as Readonly<Record<string, AnyDriver>>;
  for (const [name, driver] of Object.entries(drivers)) {
    for (const [id, settings] of Object.entries(driver.devices)) {
      const device = devices.get(id);
      const path = ['drivers', name, 'devices', id];
      if (!device) {
        // A device of an unknown type has been reported where it stands.
        if (!Object.hasOwn(config.devices, id)) problems.add(path, `"${id}" is not listed under devices`);
        continue;
      }
      for (const [tag, tagConfig] of Object.entries(settings.tags)) {
        const plan = tagPlan(
          config,
          name,
          device,
          tag,
          tagConfig,
          tags.length,
          [...path, 'tags', tag],
          problems,
        );
        if (!plan) continue;
        tags.push(plan);
        device.tags.push(plan);
      }
    }
  }
  const self = devicePlan(
    config,
    devices.size,
    config.gateway.id,
    latestContract(deviceTypes.get('edge_gateway')!),
  );
  return { plan: { devices: [...devices.values()], tags, self }, problems: problems.list };
}

function contractOf(
  type: string,
  version: string | undefined,
  path: readonly string[],
  problems: Problems,
): DeviceTypeContract | undefined {
  const known = deviceTypes.get(type);
  if (!known) {
    problems.add(
      [...path, 'type'],
      `"${type}" is not a device type; known are ${[...deviceTypes.keys()].join(', ')}`,
    );
    return undefined;
  }
  if (version === undefined) return latestContract(known);
  const contract = known.versions.find((candidate) => candidate.version === version);
  if (!contract) {
    const versions = known.versions.map((candidate) => candidate.version).join(', ');
    problems.add([...path, 'version'], `${type} has no version "${version}"; it has ${versions}`);
  }
  return contract;
}

function devicePlan(
  config: GatewayConfig,
  index: number,
  id: string,
  contract: DeviceTypeContract,
): DevicePlan {
  const own = config.devices[id];
  return {
    index,
    address: {
      enterprise: config.gateway.tenant,
      site: own?.site ?? config.gateway.site,
      area: own?.area ?? config.gateway.area,
      line: own?.line ?? config.gateway.line,
      deviceType: contract.deviceType,
      deviceId: id,
    },
    contract,
    fwVersion: own?.fw_version,
    tags: [],
  };
}

function tagPlan(
  config: GatewayConfig,
  driver: string,
  device: DevicePlan,
  name: string,
  settings: TagSettings,
  index: number,
  path: readonly string[],
  problems: Problems,
): TagPlan | undefined {
  const contract = device.contract.tags.find((candidate) => candidate.name === name);
  if (!contract) {
    const known = device.contract.tags.map((tag) => tag.name).join(', ');
    problems.add(
      path,
      `is not a tag of ${device.contract.deviceType} ${device.contract.version}; it has ${known}`,
    );
    return undefined;
  }
  const twin = device.tags.find((tag) => tag.name === name);
  if (twin) {
    problems.add(path, `is read by driver "${twin.driver}" already; a tag has one source`);
    return undefined;
  }
  const span = spanOf(contract, settings.signal);
  if (settings.signal && settings.signal.type !== 'pulse' && !span) {
    problems.add(
      [...path, 'signal'],
      'needs low and high, because the contract states no range for this tag',
    );
  }
  if (span && span[0] === span[1]) problems.add([...path, 'signal'], 'has low equal to high');
  if (
    settings.signal &&
    contract.type !== 'float64' &&
    contract.type !== 'int32' &&
    contract.type !== 'int64'
  ) {
    problems.add([...path, 'signal'], `makes no sense for a tag of type ${contract.type}`);
  }
  return {
    index,
    device,
    name,
    contract,
    timing: settings.timing ?? contract.timing,
    signal: settings.signal,
    span,
    scale: settings.scale,
    offset: settings.offset,
    deadbandWidth: deadbandWidth(config, contract, settings, span, path, problems),
    maxIntervalMs: (settings.max_interval_s ?? config.defaults.max_interval_s) * 1000,
    driver,
  };
}

function spanOf(contract: TagContract, signal: Signal | undefined): readonly [number, number] | undefined {
  if (!signal || signal.type === 'pulse') return contract.range;
  const low = signal.low ?? contract.range?.[0];
  const high = signal.high ?? contract.range?.[1];
  return low === undefined || high === undefined ? undefined : [low, high];
}

function deadbandWidth(
  config: GatewayConfig,
  contract: TagContract,
  settings: TagSettings,
  span: readonly [number, number] | undefined,
  path: readonly string[],
  problems: Problems,
): number {
  const given = settings.deadband;
  if (given?.absolute !== undefined && given.percent !== undefined) {
    problems.add([...path, 'deadband'], 'gives both percent and absolute; give one');
  }
  if (given?.absolute !== undefined) return given.absolute;
  if (given?.percent !== undefined && !span) {
    problems.add(
      [...path, 'deadband'],
      'is a percentage of a range the tag does not have; give absolute instead',
    );
  }
  // A state or a counter without a range reports every change.
  if (!span || contract.states) return 0;
  const percent = given?.percent ?? config.defaults.deadband_percent;
  return (Math.abs(span[1] - span[0]) * percent) / 100;
}
