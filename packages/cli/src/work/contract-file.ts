import { field } from '@millrace/foundation';

const tagTypes = ['float64', 'int32', 'int64', 'boolean', 'string'] as const;
const pair = (doc: string) =>
  field.optional(field.list(`${doc}: [low, high].`, field.number('Limit.'), { minItems: 2 }));

const tag = field.object('One tag.', {
  name: field.string('Lower snake case, unit last.', {
    pattern: /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/,
    patternDoc: 'lower snake case, e.g. pressure_bar',
  }),
  doc: field.string('What it is.', { default: '' }),
  type: field.string('Type of its values.', { options: tagTypes }),
  unit: field.string('Unit symbol.', { default: '' }),
  range: pair('Engineering range'),
  limits: pair('Values outside violate the contract'),
  normal: pair('Normal operating band'),
  required: field.optional(field.boolean('A message without it violates the contract.')),
  short: field.string('Key in the compact form.', { default: '' }),
  number: field.integer('Protobuf field number, never reused.', { min: 4, max: 99 }),
  timing: field.string('How fast an answer may be needed.', {
    options: ['sil3', 'sil2', 'motion', 'process', 'monitoring'],
    default: 'monitoring',
  }),
  counter: field.optional(
    field.object('A total that only grows.', { rollover: field.number('Where it wraps.') }),
  ),
  states: field.optional(field.map('Names of the values.', field.string('Name.'))),
});

/** A contract as a file has it; the same members as `DeviceTypeContract`. */
export const contractFile = field.object('A contract.', {
  deviceType: field.string('Device type.'),
  version: field.string('major.minor.', { pattern: /^\d+\.\d+$/, patternDoc: 'major.minor, e.g. "2.1"' }),
  title: field.string('Name for people.', { default: '' }),
  doc: field.string('What it is.', { default: '' }),
  tags: field.list('The tags.', tag),
});

/** What consumers expect of a device type. */
export const expectationFile = field.object('What consumers rely on.', {
  expectations: field.list(
    'One entry a consumer and device type.',
    field.object('What one consumer relies on.', {
      consumer: field.string('Who, for the report.'),
      device_type: field.string('Device type.'),
      tags: field.list(
        'The tags it reads.',
        field.object('One tag.', {
          name: field.string('Name of the tag.'),
          unit: field.optional(field.string('Unit it counts on.')),
          type: field.optional(field.string('Type it counts on.', { options: tagTypes })),
          required: field.optional(field.boolean('At least one sample must carry it.')),
        }),
      ),
    }),
    { minItems: 1 },
  ),
});
