import { deviceTypes, latestContract } from '@millrace/contracts';
import { assertInvariant } from '@millrace/foundation';
import type {
  ByteOrder,
  ModbusCommand,
  ModbusDevice,
  ModbusPoint,
  ModbusTable,
  OpcUaDevice,
  PlantMap,
  RegisterType,
  Scaling,
} from '../map-types.js';

const none: Scaling = { kind: 'none' };
const linear = (scale: number): Scaling => ({ kind: 'linear', scale });
/** A loop current in whole microampere: 4000 is 4 mA. */
const microampere = (min: number, max: number): Scaling => ({
  kind: 'current-loop',
  rawPerMa: 1000,
  min,
  max,
});
/** A loop current in hundredths of a milliampere: 400 is 4 mA. */
const centimilliampere = (min: number, max: number): Scaling => ({
  kind: 'current-loop',
  rawPerMa: 100,
  min,
  max,
});
const counts = (min: number, max: number): Scaling => ({ kind: 'counts', rawMax: 65535, min, max });

function at(
  tag: string,
  table: ModbusTable,
  address: number,
  type: RegisterType,
  byteOrder: ByteOrder,
  scaling: Scaling,
): ModbusPoint {
  return { tag, table, address, type, byteOrder, scaling };
}

/** The same three commands on every pump with a Modbus interface. */
const pumpCommands: readonly ModbusCommand[] = [
  {
    command: 'auto',
    table: 'coil',
    address: 0,
    doc: '1 = the station controller starts, stops and paces the pump; 0 = by hand.',
  },
  {
    command: 'run_command',
    table: 'coil',
    address: 1,
    doc: 'Start (1) or stop (0). A write takes the pump out of auto; a write of 0 also resets a trip.',
  },
  {
    command: 'speed_setpoint_rpm',
    table: 'holding',
    address: 0,
    doc: 'Speed set point, 600 to 2950 rpm. A write takes the pump out of auto.',
  },
];

/** A starter with a remote I/O card: analog channels raw, the drive's values big-endian. */
const p101: ModbusDevice = {
  deviceId: 'P-101',
  deviceType: 'centrifugal_pump',
  unitId: 1,
  points: [
    at('pressure_bar', 'input', 0, 'uint16', 'ABCD', microampere(0, 10)),
    at('flow_m3h', 'input', 1, 'uint16', 'ABCD', counts(0, 250)),
    at('temp_inlet_c', 'input', 2, 'int16', 'ABCD', linear(0.1)),
    at('temp_outlet_c', 'input', 3, 'int16', 'ABCD', linear(0.1)),
    at('vibration_rms_mms', 'input', 4, 'float32', 'CDAB', none),
    at('bearing_temp_c', 'input', 6, 'int16', 'BADC', linear(0.1)),
    at('power_kw', 'holding', 100, 'float32', 'ABCD', none),
    at('speed_rpm', 'holding', 102, 'uint16', 'ABCD', none),
    at('run_state', 'holding', 103, 'uint16', 'ABCD', none),
    at('run_hours', 'holding', 104, 'uint32', 'CDAB', linear(0.01)),
  ],
  commands: pumpCommands,
};

/** An older vendor's controller: little-endian habits, 1/100 mA, 32-bit integers. */
const p102: ModbusDevice = {
  deviceId: 'P-102',
  deviceType: 'centrifugal_pump',
  unitId: 2,
  points: [
    at('pressure_bar', 'input', 0, 'uint16', 'ABCD', centimilliampere(0, 10)),
    at('flow_m3h', 'input', 1, 'float32', 'DCBA', none),
    at('temp_inlet_c', 'input', 3, 'float32', 'BADC', none),
    at('temp_outlet_c', 'input', 5, 'float32', 'BADC', none),
    at('vibration_rms_mms', 'input', 7, 'uint16', 'ABCD', linear(0.001)),
    at('bearing_temp_c', 'input', 8, 'int32', 'CDAB', linear(0.01)),
    at('power_kw', 'holding', 200, 'int32', 'DCBA', linear(0.001)),
    at('speed_rpm', 'holding', 202, 'float32', 'CDAB', none),
    at('run_state', 'holding', 204, 'uint16', 'BADC', none),
    at('run_hours', 'holding', 206, 'float64', 'ABCD', none),
  ],
  commands: pumpCommands,
};

/** A feeder meter: float32 measurements and a 64-bit energy register in Wh. */
const em301: ModbusDevice = {
  deviceId: 'EM-301',
  deviceType: 'energy_meter',
  unitId: 4,
  points: [
    at('voltage_v', 'input', 0, 'float32', 'ABCD', none),
    at('current_a', 'input', 2, 'float32', 'ABCD', none),
    at('power_kw', 'input', 4, 'float32', 'CDAB', none),
    at('power_factor', 'input', 6, 'int16', 'ABCD', linear(0.001)),
    at('frequency_hz', 'input', 7, 'uint16', 'ABCD', linear(0.01)),
    at('energy_kwh', 'holding', 0, 'uint64', 'CDAB', linear(0.001)),
  ],
  commands: [],
};

const uneceCodes: Readonly<Record<string, string>> = {
  '°C': 'CEL',
  bar: 'BAR',
  'm³/h': 'MQH',
  'm³': 'MTQ',
  m: 'MTR',
  'mm/s': 'C16',
  kW: 'KWT',
  kWh: 'KWH',
  rpm: 'RPM',
  h: 'HUR',
  V: 'VLT',
  A: 'AMP',
  Hz: 'HTZ',
};

/** Every tag of the newest contract of `deviceType`, under `<deviceId>.<tag>`. */
function opcUaDevice(deviceId: string, deviceType: string, commands: OpcUaDevice['commands']): OpcUaDevice {
  const type = deviceTypes.get(deviceType);
  assertInvariant(type, `the device type ${deviceType} exists`);
  const points = latestContract(type).tags.map((tag) => {
    const uneceCode = uneceCodes[tag.unit];
    const dataType =
      tag.type === 'boolean'
        ? ('Boolean' as const)
        : tag.type === 'int32'
          ? ('Int32' as const)
          : ('Double' as const);
    return {
      tag: tag.name,
      nodeId: `${deviceId}.${tag.name}`,
      dataType,
      unit: tag.unit,
      ...(tag.range ? { range: tag.range } : {}),
      ...(uneceCode ? { uneceCode } : {}),
    };
  });
  return { deviceId, deviceType, points, commands };
}

const namespaceUri = 'urn:millrace:field:water-pumping-station';

/** The register map and node map of the demo plant, `water-pumping-station`. */
export const waterPumpingStationMap: PlantMap = {
  plant: 'water-pumping-station',
  modbus: [p101, p102, em301],
  opcua: {
    namespaceUri,
    namespaceIndex: 2,
    devices: [
      opcUaDevice('P-103', 'centrifugal_pump', [
        {
          command: 'auto',
          nodeId: 'P-103.auto',
          dataType: 'Boolean',
          doc: 'True = the station controller starts, stops and paces the pump; false = by hand.',
        },
        {
          command: 'run_command',
          nodeId: 'P-103.run_command',
          dataType: 'Boolean',
          doc: 'Start or stop. A write takes the pump out of auto; a write of false also resets a trip.',
        },
        {
          command: 'speed_setpoint_rpm',
          nodeId: 'P-103.speed_setpoint_rpm',
          dataType: 'Double',
          doc: 'Speed set point, 600 to 2950 rpm. A write takes the pump out of auto.',
        },
      ]),
      opcUaDevice('T-201', 'storage_tank', []),
    ],
  },
};
