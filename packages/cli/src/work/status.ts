import { qualityStatus } from '@millrace/contracts';
import { errorMessage, isMillraceError } from '@millrace/foundation';
import type { Invocation, Work } from '../command.js';
import { flagOption, textOption } from '../options.js';
import { type ApiClient, platformClient, socketClient } from '../runtime/api-client.js';
import { dataDirOf } from '../runtime/data-dir.js';
import { holderAlive, type LockHolder, readLock, verbOf } from '../runtime/lock.js';
import { printJson, textTable } from '../runtime/table.js';
import { allDevices, type DeviceState, deviceTable } from './device.js';

interface Summary {
  readonly devices: { total: number; online: number; stale: number; offline: number; never_seen: number };
  readonly messages_per_s: number;
  readonly values_per_s: number;
  readonly data_delay_ms: { p50: number | null; p99: number | null } | null;
  readonly gaps_open: number;
  readonly silences_open: number;
  readonly dead_letters_24h: number;
}

interface ProcessState {
  readonly role: string;
  readonly holder: LockHolder | undefined;
  readonly state: 'running' | 'not answering' | 'crashed' | 'not running';
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface StatusReport {
  readonly processes: readonly ProcessState[];
  readonly summary: Summary | undefined;
  readonly devices: readonly DeviceState[];
  /** What needs attention, worst first; empty = healthy. */
  readonly problems: readonly string[];
}

export const status: Work = async (invocation) => {
  const report = await collect(invocation);
  if (flagOption(invocation, 'json')) printJson(report);
  else process.stdout.write(statusText(report, Date.now()));
  return report.problems.length === 0 ? 0 : 1;
};

async function collect(invocation: Invocation): Promise<StatusReport> {
  const remote = textOption(invocation, 'url') !== undefined;
  const dataDir = dataDirOf(invocation);
  const roles = remote ? [] : ['platform', 'edge', 'field'];
  const processes = await Promise.all(roles.map((role) => processState(dataDir, role)));
  const platformRuns = remote || processes.some((p) => p.role === 'platform' && p.state === 'running');
  const problems = processes.flatMap(processProblems);
  if (!remote && processes.every((p) => p.state === 'not running')) {
    problems.push(
      `nothing runs on the data folder ${dataDir}: start with "millrace demo" or "millrace up", or name another folder with --data or --port-base`,
    );
  }
  let summary: Summary | undefined;
  let devices: DeviceState[] = [];
  if (platformRuns) {
    const client = platformClient(invocation);
    try {
      [summary, devices] = await Promise.all([readSummary(client), allDevices(client)]);
      problems.push(...fleetProblems(summary), ...deviceProblems(devices));
    } catch (error) {
      if (remote) throw error;
      problems.push(`the platform's API fails: ${errorMessage(error)}`);
    }
  }
  return { processes, summary, devices, problems };
}

function readSummary(client: ApiClient): Promise<Summary> {
  return client.call<Summary>('GET', '/v1/fleet/summary');
}

async function processState(dataDir: string, role: string): Promise<ProcessState> {
  const holder = readLock(dataDir, role);
  if (!holder) return { role, holder, state: 'not running', detail: {} };
  if (!holderAlive(holder)) return { role, holder, state: 'crashed', detail: {} };
  const client = socketClient(dataDir, role, `millrace ${verbOf(role)}`);
  try {
    const path = role === 'platform' ? '/readyz' : '/status';
    const detail = await client.call<Record<string, unknown>>('GET', path);
    return { role, holder, state: 'running', detail: detail ?? {} };
  } catch (error) {
    const reason = isMillraceError(error) ? error.message : errorMessage(error);
    return { role, holder, state: 'not answering', detail: { reason } };
  }
}

function processProblems(p: ProcessState): string[] {
  if (p.state === 'crashed') {
    return [
      `${p.role} (pid ${p.holder?.pid}) ended without stopping; start it with "millrace ${verbOf(p.role)}"`,
    ];
  }
  if (p.role === 'edge' && p.state === 'running') return edgeProblems(p.detail as unknown as EdgeDetail);
  if (p.state === 'not answering') return [`${p.role} does not answer: ${String(p.detail.reason)}`];
  return [];
}

interface EdgeDetail {
  readonly uplink: { readonly state: string; readonly lastError?: string };
  readonly outbox: { readonly lost: number };
  readonly drivers: Readonly<Record<string, { readonly state: string; readonly reason?: string }>>;
}

/** What of a gateway's own status someone should look at. */
export function edgeProblems({ uplink, outbox, drivers }: EdgeDetail): string[] {
  const problems: string[] = [];
  if (uplink.state !== 'connected') {
    problems.push(
      `the gateway is not connected to the platform${uplink.lastError ? `: ${uplink.lastError}` : ''}`,
    );
  }
  if (outbox.lost > 0) problems.push(`the gateway lost ${outbox.lost} message(s) before they could be sent`);
  for (const [name, driver] of Object.entries(drivers)) {
    if (driver.state === 'connected') continue;
    problems.push(`driver ${name} is ${driver.state}${driver.reason ? `: ${driver.reason}` : ''}`);
  }
  return problems;
}

/** What of a fleet's summary someone should look at. */
export function fleetProblems(summary: Summary): string[] {
  const { devices } = summary;
  const problems: string[] = [];
  const add = (count: number, text: string) => {
    if (count > 0) problems.push(`${count} ${text}`);
  };
  add(devices.offline, 'device(s) offline');
  add(devices.stale, 'device(s) stale');
  add(summary.gaps_open, 'open gap(s) in the sequence of messages');
  add(summary.silences_open, 'open silence(s)');
  return problems;
}

/** So many devices are told one by one; a whole dark site must not scroll the verdict away. */
const DEVICES_TOLD_MAX = 10;

/** Each device that is not well, with its reason: not online first, then values that are bad. */
export function deviceProblems(devices: readonly DeviceState[]): string[] {
  const dark = devices
    .filter((d) => d.state === 'offline' || d.state === 'stale')
    .map((d) => `${d.device_id} is ${d.state}${d.state_reason ? `: ${d.state_reason}` : ''}`);
  const bad = devices
    .filter((d) => d.state === 'online' && d.worst_quality && qualityStatus(d.worst_quality.q) === 'bad')
    .map((d) => `${d.device_id} ${d.worst_quality?.tag} is bad: ${d.worst_quality?.words}`);
  const all = [...dark, ...bad];
  if (all.length <= DEVICES_TOLD_MAX) return all;
  const more = `${all.length - DEVICES_TOLD_MAX} more device(s): see "millrace device list"`;
  return [...all.slice(0, DEVICES_TOLD_MAX), more];
}

/** The one screen. */
export function statusText(report: StatusReport, nowMs: number): string {
  const blocks: string[] = [];
  if (report.processes.length > 0) {
    const rows = report.processes.map((p) => [
      p.role,
      p.state,
      p.state === 'not running' ? null : p.holder?.pid,
      p.holder?.version,
      processDetail(p),
    ]);
    blocks.push(textTable(['PROCESS', 'STATE', 'PID', 'VERSION', 'DETAIL'], rows, ''));
  }
  const { summary } = report;
  if (summary) {
    const { devices: d } = summary;
    const delay = summary.data_delay_ms?.p50 ?? null;
    blocks.push(
      [
        `Devices     ${d.total}: ${d.online} online, ${d.stale} stale, ${d.offline} offline, ${d.never_seen} never seen`,
        `Throughput  ${summary.messages_per_s.toFixed(1)} messages/s, ${summary.values_per_s.toFixed(1)} values/s${delay === null ? '' : `, ${Math.round(delay)} ms old on arrival (median)`}`,
        `Record      ${summary.gaps_open} open gaps, ${summary.silences_open} open silences, ${summary.dead_letters_24h} dead letters in 24 h`,
        '',
      ].join('\n'),
    );
    blocks.push(deviceTable(report.devices, nowMs));
  }
  const verdict = report.problems.map((problem) => `  ! ${problem}`);
  blocks.push(verdict.length === 0 ? 'All is well.\n' : `Needs attention:\n${verdict.join('\n')}\n`);
  return blocks.join('\n');
}

function processDetail(p: ProcessState): string | null {
  if (p.role !== 'edge' || p.state !== 'running') return null;
  const { uplink, outbox } = p.detail as {
    uplink?: { state?: string };
    outbox?: { unsent?: number; lost?: number };
  };
  const lost = outbox?.lost ?? 0;
  return [
    `uplink ${uplink?.state ?? 'unknown'}`,
    `${outbox?.unsent ?? 0} waiting in the outbox`,
    ...(lost > 0 ? [`${lost} lost`] : []),
  ].join(', ');
}
