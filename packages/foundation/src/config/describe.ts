import type { Field } from './fields.js';

/** One row of a reference page: a setting with its type, default, unit and doc. */
export interface SettingRow {
  readonly path: string;
  readonly type: string;
  readonly default: string;
  readonly unit: string;
  readonly doc: string;
}

/** Every setting of a declaration, depth first, in the order declared. */
export function describeSettings(field: Field, path = ''): SettingRow[] {
  switch (field.kind) {
    case 'optional':
      return describeSettings(field.item as Field, path).map((row, i) =>
        i === 0 ? { ...row, default: 'none' } : row,
      );
    case 'object':
      return [
        ...(path === '' ? [] : [row(field, path, 'map', '')]),
        ...Object.entries(field.properties).flatMap(([name, member]) =>
          describeSettings(member, path ? `${path}.${name}` : name),
        ),
      ];
    case 'variant':
      return [
        row(
          field,
          path,
          `one of ${Object.keys(field.variants).join(', ')}, chosen by \`${field.discriminator}\``,
          'required',
        ),
        ...Object.entries(field.variants).flatMap(([name, variant]) =>
          describeSettings(variant, `${path}(${name})`),
        ),
      ];
    case 'list':
      return [row(field, path, 'list', defaultText(field)), ...nested(field.item, `${path}[]`)];
    case 'map':
      return [row(field, path, 'map by name', defaultText(field)), ...nested(field.item, `${path}.<name>`)];
    case 'string':
      return [row(field, path, field.options ? field.options.join(' \\| ') : 'text', defaultText(field))];
    default:
      return [row(field, path, rangeText(field), defaultText(field))];
  }
}

/** The settings as a Markdown table for the generated reference. */
export function settingsMarkdown(field: Field): string {
  const rows = describeSettings(field).map(
    (r) => `| \`${r.path}\` | ${r.type} | ${r.default} | ${r.unit} | ${r.doc} |`,
  );
  return ['| setting | type | default | unit | meaning |', '|---|---|---|---|---|', ...rows].join('\n');
}

function nested(item: Field, path: string): SettingRow[] {
  const rows = describeSettings(item, path);
  return item.kind === 'object' ? rows.slice(1) : rows;
}

function row(field: Field, path: string, type: string, defaultValue: string): SettingRow {
  return { path, type, default: defaultValue, unit: field.unit ?? '', doc: field.doc };
}

function defaultText(field: Field): string {
  if (!('default' in field) || field.default === undefined) return 'required';
  return field.secret ? 'hidden' : `\`${JSON.stringify(field.default)}\``;
}

function rangeText(field: Field): string {
  if (field.kind !== 'number' && field.kind !== 'integer') return field.kind;
  const kind = field.kind === 'integer' ? 'whole number' : 'number';
  if (field.min === undefined && field.max === undefined) return kind;
  return `${kind}, ${field.min ?? '-inf'} to ${field.max ?? 'inf'}`;
}
