import { field, type Infer } from '@millrace/foundation';

const engineeringSpan = {
  low: field.optional(
    field.number("Engineering value at the low end of the signal; the contract's range by default."),
  ),
  high: field.optional(
    field.number("Engineering value at the high end of the signal; the contract's range by default."),
  ),
};

/** What the raw number of a tag is, electrically (HW-1). */
export const signalField = field.variant('The electrical signal behind the raw number.', {
  '4-20mA': field.object(
    'A current loop, judged by NAMUR NE 43: below 3.6 mA is a wire break, never a value.',
    {
      counts_per_ma: field.number('Raw counts per milliampere; 1000 when the register holds microampere.', {
        default: 1,
        min: 1e-9,
      }),
      ...engineeringSpan,
    },
  ),
  '0-10V': field.object('A voltage input.', {
    counts_per_v: field.number('Raw counts per volt.', { default: 1, min: 1e-9 }),
    ...engineeringSpan,
  }),
  counts: field.object('Raw counts of a converter over the engineering range.', {
    counts_low: field.number('Counts at the low end.', { default: 0 }),
    counts_high: field.number('Counts at the high end.', { default: 65_535 }),
    ...engineeringSpan,
  }),
  pulse: field.object('A pulse counter that wraps; the tag is the total since the gateway first saw it.', {
    units_per_pulse: field.number('Engineering units of one pulse.', { default: 1 }),
    rollover: field.number('Number of distinct counts, 65536 for a 16-bit counter.', {
      default: 65_536,
      min: 2,
    }),
  }),
});

/** Settings that every driver's tags share; a driver adds its own address to them. */
export const tagSettings = {
  signal: field.optional(signalField),
  scale: field.number('Factor on the raw number, used when no signal is given.', { default: 1 }),
  offset: field.number('Added after the factor.', { default: 0 }),
  deadband: field.optional(
    field.object('Smallest change worth sending; give one of the two.', {
      percent: field.optional(field.number('Of the engineering range.', { min: 0, max: 100, unit: '%' })),
      absolute: field.optional(field.number('In the engineering unit.', { min: 0 })),
    }),
  ),
  max_interval_s: field.optional(
    field.number('Longest time without a sample, whatever the deadband says.', {
      min: 0.05,
      max: 86_400,
      unit: 's',
    }),
  ),
  timing: field.optional(
    field.oneOf("Timing class (HW-5); the contract's by default.", [
      'sil3',
      'sil2',
      'motion',
      'process',
      'monitoring',
    ]),
  ),
};

export type TagSettings = { readonly [K in keyof typeof tagSettings]: Infer<(typeof tagSettings)[K]> };
