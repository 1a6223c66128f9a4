import type { Work } from '../command.js';
import { flagOption, textOption } from '../options.js';
import { socketClient } from '../runtime/api-client.js';
import { dataDirOf } from '../runtime/data-dir.js';
import { ageText, printJson, textTable } from '../runtime/table.js';

interface FieldState {
  readonly plant: string;
  readonly source: string;
  readonly ports: { readonly modbus: number; readonly opcua: number };
  readonly devices: readonly {
    readonly deviceId: string;
    readonly deviceType: string;
    readonly protocol: string;
    readonly power: boolean;
  }[];
  readonly faults: readonly {
    readonly deviceId: string;
    readonly kind: string;
    readonly tags: readonly string[];
    readonly forMs: number;
  }[];
}

export const fieldFault: Work = async (invocation) => {
  const { device, kind } = invocation.args;
  const clear = flagOption(invocation, 'clear');
  const tag = textOption(invocation, 'tag');
  const client = socketClient(dataDirOf(invocation), 'field', 'millrace field');
  await client.call('POST', '/fault', { device, kind, clear, ...(tag === undefined ? {} : { tag }) });
  process.stdout.write(clear ? `${kind} on ${device} is mended.\n` : `${kind} on ${device} is set.\n`);
  return 0;
};

export const fieldStatus: Work = async (invocation) => {
  const client = socketClient(dataDirOf(invocation), 'field', 'millrace field');
  const status = await client.call<FieldState>('GET', '/status');
  if (flagOption(invocation, 'json')) {
    printJson(status);
    return 0;
  }
  process.stdout.write(fieldText(status));
  return 0;
};

function fieldText(status: FieldState): string {
  const rows = status.devices.map((device) => {
    const faults = status.faults.filter((fault) => fault.deviceId === device.deviceId);
    const said = faults.map(
      (f) => `${f.kind} on ${f.tags.join(', ') || 'the device'} for ${ageText(f.forMs)}`,
    );
    return [device.deviceId, device.deviceType, device.protocol, said.join('; ')];
  });
  const { plant, source, ports } = status;
  const head = `${plant} (${source}) on Modbus TCP ${ports.modbus} and OPC UA ${ports.opcua}`;
  return `${head}\n\n${textTable(['DEVICE', 'TYPE', 'PROTOCOL', 'FAULTS'], rows, 'No devices.')}`;
}
