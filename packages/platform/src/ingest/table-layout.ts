import { type DeviceType, type TagColumn, tagColumns, telemetryTable } from '@millrace/contracts';

/**
 * How rows of a table travel in PostgreSQL's binary COPY format. The fixed columns come first, so that later stages
 * find them by offset: field count, tenant_id, device_no, ts, received_at, epoch, ...
 */
export interface TableLayout {
  /** Position in `Batch.tables`. */
  readonly index: number;
  readonly table: string;
  readonly copySql: string;
  /** Fields of a row. */
  readonly fieldCount: number;
  readonly columns: readonly TagColumn[];
  /** Partitioned by day on ts; `dead_letters` is not. */
  readonly partitioned: boolean;
}

/** Columns of every wide table before the tags, in COPY order. */
export const headerColumns = [
  'tenant_id',
  'device_no',
  'ts',
  'received_at',
  'epoch',
  'seq',
  'msg_id',
  'source_ts',
] as const;

/** Offset of the epoch's value from the start of a row that has one. */
export const epochValueOffset = 2 + 8 + 8 + 12 + 12 + 4;

/** The layouts of all device types plus the two shared tables, which come first. */
export interface Layouts {
  readonly all: readonly TableLayout[];
  readonly extra: TableLayout;
  readonly deadLetters: TableLayout;
  readonly byDeviceType: ReadonlyMap<string, TableLayout>;
}

export const deadLetterColumns = [
  'tenant_id',
  'device_no',
  'received_at',
  'client_id',
  'topic',
  'reason',
  'shown_reason',
  'detail',
  'schema_version',
  'epoch',
  'seq',
  'content_type',
  'payload_bytes',
  'payload',
] as const;

/** Derives the COPY layouts from the contracts. */
export function buildLayouts(types: Iterable<DeviceType>): Layouts {
  const extra = shared(
    0,
    'telemetry_extra',
    ['tenant_id', 'device_no', 'ts', 'seq', 'tag', 'value', 'q'],
    true,
  );
  const deadLetters = shared(1, 'dead_letters', deadLetterColumns, false);
  const all = [extra, deadLetters];
  const byDeviceType = new Map<string, TableLayout>();
  for (const type of types) {
    const columns = tagColumns(type);
    const table = telemetryTable(type.name);
    const names = [
      ...headerColumns,
      ...columns.map((column) => column.valueColumn),
      ...columns.map((column) => column.qualityColumn),
    ];
    const layout: TableLayout = {
      index: all.length,
      table,
      copySql: copySql(table, names),
      fieldCount: names.length,
      columns,
      partitioned: true,
    };
    all.push(layout);
    byDeviceType.set(type.name, layout);
  }
  return { all, extra, deadLetters, byDeviceType };
}

function shared(index: number, table: string, names: readonly string[], partitioned: boolean): TableLayout {
  return { index, table, copySql: copySql(table, names), fieldCount: names.length, columns: [], partitioned };
}

function copySql(table: string, names: readonly string[]): string {
  return `COPY ${table} (${names.map((name) => `"${name}"`).join(',')}) FROM STDIN (FORMAT binary)`;
}
