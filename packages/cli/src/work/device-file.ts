import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { configError, errorMessage, field, MillraceError, parseConfig } from '@millrace/foundation';

const device = field.object('One device.', {
  device_id: field.string('Device id, unique within the tenant.', {
    pattern: /^[A-Za-z0-9-]{1,64}$/,
    patternDoc: 'letters, digits and hyphens, at most 64',
  }),
  device_type: field.string('Name of its device type, e.g. centrifugal_pump.'),
  title: field.optional(field.string('Name for people.')),
  enterprise: field.optional(field.string('Enterprise segment of its topics.')),
  site: field.string('Site segment.'),
  area: field.string('Area segment.'),
  line: field.string('Line segment.'),
  gateway_id: field.optional(field.string('The gateway that speaks for it.')),
});

const deviceFile = field.object('A list of devices.', {
  devices: field.list('The devices, gateways before the devices they speak for.', device, { minItems: 1 }),
});

/** A device as `POST /v1/devices` takes it. */
export interface DeviceEntry {
  readonly device_id: string;
  readonly device_type: string;
  readonly title?: string;
  readonly enterprise?: string;
  readonly site: string;
  readonly area: string;
  readonly line: string;
  readonly gateway_id?: string;
}

/** Reads a list of devices from YAML, JSON (both `devices: [...]`) or CSV with a heading line. */
export function readDeviceFile(file: string): readonly DeviceEntry[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new MillraceError('config_unreadable', `${file} cannot be read (${errorMessage(error)}).`, {
      cause: error,
    });
  }
  const yaml = extname(file).toLowerCase() === '.csv' ? csvToYaml(text, file) : text;
  const result = parseConfig(yaml, deviceFile);
  if (!result.ok) throw configError(file, result.problems);
  return result.value.devices as unknown as readonly DeviceEntry[];
}

/** CSV (RFC 4180) as JSON with one device a line, so that a problem's line is the line of the CSV. */
function csvToYaml(text: string, file: string): string {
  const rows = parseCsv(text);
  const headings = rows[0];
  if (!headings || rows.length < 2) {
    throw new MillraceError('config_invalid', `${file}:1 needs a heading line and at least one device.`);
  }
  const devices = rows.slice(1).map((row) => {
    const entries = headings.map((name, i) => [name.trim(), (row[i] ?? '').trim()] as const);
    return JSON.stringify(Object.fromEntries(entries.filter(([, value]) => value !== '')));
  });
  return `{"devices": [\n${devices.join(',\n')}\n]}`;
}

function parseCsv(text: string): string[][] {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '' && !line.startsWith('#'));
  return lines.map((line) =>
    [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map((m) =>
      m[1] === undefined ? (m[2] ?? '') : m[1].replaceAll('""', '"'),
    ),
  );
}
