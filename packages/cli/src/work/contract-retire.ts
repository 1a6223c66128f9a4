import type { Work } from '../command.js';
import { flagOption, textOption } from '../options.js';
import { platformClient } from '../runtime/api-client.js';
import { printJson, textTable } from '../runtime/table.js';

interface Retirement {
  readonly device_type: string;
  readonly field: string;
  readonly sending: number;
  readonly unknown: number;
  readonly may_retire: boolean;
  readonly groups: readonly {
    readonly fw_version: string | null;
    readonly schema_version: string | null;
    readonly sending: 'yes' | 'no' | 'unknown';
    readonly devices: number;
    readonly device_ids: readonly string[];
  }[];
}

export const contractRetire: Work = async (invocation) => {
  const { type = '', field = '' } = invocation.args;
  const stoppedIn = textOption(invocation, 'stoppedIn');
  const query = new URLSearchParams({ field, ...(stoppedIn === undefined ? {} : { stopped_in: stoppedIn }) });
  const path = `/v1/contracts/${encodeURIComponent(type)}/retirement?${query}`;
  const report = await platformClient(invocation).call<Retirement>('GET', path);
  if (flagOption(invocation, 'json')) printJson(report);
  else process.stdout.write(retirementText(report));
  return report.may_retire ? 0 : 1;
};

const idsShown = 5;

/** The verdict under the firmware that it rests on. */
export function retirementText(report: Retirement): string {
  const rows = report.groups.map(({ fw_version, schema_version, sending, devices, device_ids }) => {
    const more = devices > idsShown ? ` and ${devices - idsShown} more` : '';
    return [
      fw_version,
      schema_version,
      sending,
      devices,
      `${device_ids.slice(0, idsShown).join(', ')}${more}`,
    ];
  });
  const table = textTable(['FIRMWARE', 'CONTRACT', 'SENDS IT', 'DEVICES', 'WHICH'], rows, 'No such devices.');
  const verdict = report.may_retire
    ? `No device sends ${report.field}: it may be retired.`
    : `Refused: ${report.sending} device(s) still send ${report.field}${report.unknown > 0 ? `, and of ${report.unknown} it is not known` : ''}.`;
  return `${table}\n${verdict}\n`;
}
