import type { DeviceTypeContract } from '../../../device-type.js';

/** Frozen: released as centrifugal_pump 1.0, before messages carried a schema_version. Pressure was in kPa. */
export const contract = {
  deviceType: 'centrifugal_pump',
  version: '1.0',
  title: 'Centrifugal pump (1.0)',
  doc: 'First pump firmware: short names, pressure in kPa, bare numbers.',
  tags: [
    {
      name: 'temp',
      doc: 'Liquid temperature at the suction flange.',
      type: 'float64',
      unit: '°C',
      limits: [-50, 500],
      short: 'ti',
      number: 4,
      timing: 'process',
    },
    {
      name: 'pressure_kpa',
      doc: 'Discharge pressure, gauge.',
      type: 'float64',
      unit: 'kPa',
      limits: [-100, 10000],
      short: 'p',
      number: 5,
      timing: 'process',
    },
    {
      name: 'flow',
      doc: 'Volume flow at the discharge.',
      type: 'float64',
      unit: 'm³/h',
      limits: [-10, 5000],
      short: 'f',
      number: 6,
      timing: 'process',
    },
  ],
  upgrade: ({ temp, pressure_kpa, flow, ...rest }) => ({
    ...rest,
    ...(temp === undefined ? {} : { temp_inlet_c: temp }),
    ...(pressure_kpa === undefined
      ? {}
      : { pressure_bar: typeof pressure_kpa === 'number' ? pressure_kpa / 100 : pressure_kpa }),
    ...(flow === undefined ? {} : { flow_m3h: flow }),
  }),
} as const satisfies DeviceTypeContract;
