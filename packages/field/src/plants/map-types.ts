/**
 * Order of the bytes of a value over its 16-bit registers, as printed in vendors' register lists. A is the most
 * significant byte of a 32-bit value. For 16-bit values only ABCD/CDAB (big-endian register) and BADC/DCBA (bytes
 * swapped) differ; for 64-bit values ABCD is big-endian, CDAB reverses the order of the registers, BADC swaps the
 * bytes in each register, DCBA does both.
 */
export type ByteOrder = 'ABCD' | 'CDAB' | 'BADC' | 'DCBA';

export type ModbusTable = 'coil' | 'discrete' | 'holding' | 'input';

export type RegisterType =
  | 'bit'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'float32'
  | 'float64';

/** From raw register content to the engineering value. */
export type Scaling =
  /** The raw number is the value. */
  | { readonly kind: 'none' }
  /** `value = raw * scale + offset` (offset 0 when absent). */
  | { readonly kind: 'linear'; readonly scale: number; readonly offset?: number }
  /** HW-1: `mA = raw / rawPerMa; value = (mA - 4) / 16 * (max - min) + min`; below 3.6 mA the loop is broken. */
  | { readonly kind: 'current-loop'; readonly rawPerMa: number; readonly min: number; readonly max: number }
  /** HW-1: `value = raw / rawMax * (max - min) + min`. */
  | { readonly kind: 'counts'; readonly rawMax: number; readonly min: number; readonly max: number };

/** One value of a device in the Modbus address space of its unit. */
export interface ModbusPoint {
  /** The device type's tag name. */
  readonly tag: string;
  readonly table: ModbusTable;
  /** Zero-based protocol address, as it stands in the PDU (register 30001 of a manual is input 0 here). */
  readonly address: number;
  readonly type: RegisterType;
  readonly byteOrder: ByteOrder;
  readonly scaling: Scaling;
  /** For type `bit` in a holding or input register: which bit, 0 = least significant. */
  readonly bit?: number;
}

/** What a client may write to steer a device. */
export type CommandName = 'auto' | 'run_command' | 'speed_setpoint_rpm';

/** A writable coil or a writable holding register (uint16, ABCD, scale 1). */
export interface ModbusCommand {
  readonly command: CommandName;
  readonly table: 'coil' | 'holding';
  readonly address: number;
  readonly doc: string;
}

export interface ModbusDevice {
  readonly deviceId: string;
  readonly deviceType: string;
  readonly unitId: number;
  readonly points: readonly ModbusPoint[];
  readonly commands: readonly ModbusCommand[];
}

/** A tag served as `ns=2;s=<device id>.<tag>`. */
export interface OpcUaPoint {
  readonly tag: string;
  /** The string part of the node id. */
  readonly nodeId: string;
  readonly dataType: 'Double' | 'Int32' | 'Boolean';
  /** EURange; absent for discrete values and counters without one. */
  readonly range?: readonly [number, number];
  /** Unit symbol; '' or absent means no EngineeringUnits property. */
  readonly unit?: string;
  /** UN/ECE Recommendation 20 common code of the unit, from which the EUInformation unit id is made. */
  readonly uneceCode?: string;
}

export interface OpcUaCommand {
  readonly command: CommandName;
  readonly nodeId: string;
  readonly dataType: 'Double' | 'Boolean';
  readonly doc: string;
}

export interface OpcUaDevice {
  readonly deviceId: string;
  readonly deviceType: string;
  readonly points: readonly OpcUaPoint[];
  readonly commands: readonly OpcUaCommand[];
}

/** Everything a client needs to read a simulated plant. */
export interface PlantMap {
  readonly plant: string;
  readonly modbus: readonly ModbusDevice[];
  readonly opcua: {
    /** The namespace is always index 2 on the field's server: 0 is the standard's, 1 the server's own. */
    readonly namespaceUri: string;
    readonly namespaceIndex: 2;
    readonly devices: readonly OpcUaDevice[];
  };
}
