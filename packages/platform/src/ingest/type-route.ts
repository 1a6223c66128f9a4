import {
  type DeviceType,
  type DeviceTypeContract,
  envelopeJsonSchema,
  latestContract,
} from '@millrace/contracts';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { JsonScanner } from './scan-json.js';
import type { TableLayout } from './table-layout.js';

/** One version of a contract, compiled. */
export interface VersionRoute {
  readonly contract: DeviceTypeContract;
  readonly validate: ValidateFunction;
}

/** One device type as the river needs it: its table, its versions by number, its columns by tag name. */
export interface TypeRoute {
  readonly name: string;
  readonly layout: TableLayout;
  readonly latest: VersionRoute;
  readonly versions: ReadonlyMap<string, VersionRoute>;
  readonly columnByTag: ReadonlyMap<string, number>;
  /** The fast way to the ordinary message of the newest version. */
  readonly scanner: JsonScanner;
}

/** Compiles a device type: the route key of a message is (device_type, schema_version). */
export function compileType(type: DeviceType, layout: TableLayout): TypeRoute {
  const ajv = new Ajv2020({ strict: false, allErrors: false });
  const versions = new Map<string, VersionRoute>();
  for (const contract of type.versions)
    versions.set(contract.version, {
      contract,
      validate: ajv.compile(envelopeJsonSchema(contract, 'production') as object),
    });
  const route = {
    name: type.name,
    layout,
    latest: versions.get(latestContract(type).version)!,
    versions,
    columnByTag: new Map(layout.columns.map((column, index) => [column.valueColumn, index])),
  };
  return { ...route, scanner: new JsonScanner(route) };
}
