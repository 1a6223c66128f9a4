import { isGood, qualityToOpcUa } from '@millrace/contracts';
import {
  type AddressSpace,
  coerceStatusCode,
  DataType,
  DataValue,
  type Namespace,
  StatusCodes,
  type UAObject,
  type UAVariable,
  Variant,
} from 'node-opcua';
import type { ServedTag } from '../faults.js';
import type { CommandName, OpcUaDevice, OpcUaPoint, PlantMap } from '../plants/map-types.js';

interface Access {
  readonly map: PlantMap;
  readonly served: (deviceId: string, tag: string) => ServedTag;
  readonly sourceMs: () => number;
  readonly readBack: (deviceId: string, command: CommandName) => number;
  readonly write: (deviceId: string, command: CommandName, value: number) => boolean;
}

/** Which device and tag a node stands for. */
export interface NodeTag {
  readonly deviceId: string;
  readonly tag: string;
}

/** EUInformation unit id of a UN/ECE code: its characters as one number (OPC 10000-8, 5.6.3). */
export function unitIdOf(uneceCode: string): number {
  return [...uneceCode].reduce((id, character) => id * 256 + character.charCodeAt(0), 0);
}

function dataValueOf(point: OpcUaPoint, served: ServedTag, sourceMs: number): DataValue {
  const good = isGood(served.quality);
  const value = point.dataType === 'Boolean' ? Boolean(served.value) : Number(served.value);
  return new DataValue({
    // A bad value is none at all: a client that forgets the status must not find a number to believe.
    value: good
      ? new Variant({ dataType: DataType[point.dataType], value })
      : new Variant({ dataType: DataType.Null }),
    statusCode: good ? StatusCodes.Good : coerceStatusCode(qualityToOpcUa(served.quality)),
    sourceTimestamp: new Date(sourceMs),
    serverTimestamp: new Date(sourceMs),
  });
}

function addPoint(
  space: Namespace,
  parent: UAObject,
  device: OpcUaDevice,
  point: OpcUaPoint,
  access: Access,
): void {
  const common = {
    componentOf: parent,
    browseName: point.tag,
    nodeId: `s=${point.nodeId}`,
    dataType: point.dataType,
    accessLevel: 'CurrentRead',
    userAccessLevel: 'CurrentRead',
    minimumSamplingInterval: 100,
  } as const;
  const read = () => dataValueOf(point, access.served(device.deviceId, point.tag), access.sourceMs());
  if (point.range) {
    const variable = space.addAnalogDataItem({
      ...common,
      engineeringUnitsRange: { low: point.range[0], high: point.range[1] },
      ...(point.uneceCode && point.unit
        ? {
            engineeringUnits: {
              namespaceUri: 'http://www.opcfoundation.org/UA/units/un/cefact',
              unitId: unitIdOf(point.uneceCode),
              displayName: { text: point.unit },
              description: { text: point.unit },
            },
          }
        : {}),
    } as unknown as Parameters<Namespace['addAnalogDataItem']>[0]);
    variable.bindVariable({ timestamped_get: read }, true);
    return;
  }
  space.addVariable(common).bindVariable({ timestamped_get: read }, true);
}

function addCommand(
  space: Namespace,
  parent: UAObject,
  device: OpcUaDevice,
  command: OpcUaDevice['commands'][number],
  access: Access,
): UAVariable {
  const dataType = DataType[command.dataType];
  const variable = space.addVariable({
    componentOf: parent,
    browseName: command.command,
    description: command.doc,
    nodeId: `s=${command.nodeId}`,
    dataType: command.dataType,
    accessLevel: 'CurrentRead | CurrentWrite',
    userAccessLevel: 'CurrentRead | CurrentWrite',
    minimumSamplingInterval: 100,
  });
  variable.bindVariable(
    {
      get: () => {
        const now = access.readBack(device.deviceId, command.command);
        return new Variant({ dataType, value: command.dataType === 'Boolean' ? now !== 0 : now });
      },
      set: (variant: Variant) =>
        access.write(device.deviceId, command.command, Number(variant.value))
          ? StatusCodes.Good
          : StatusCodes.BadOutOfRange,
    },
    true,
  );
  return variable;
}

/** Adds the plant's devices under Objects; returns what each tag's node stands for, by node id text. */
export function buildAddressSpace(addressSpace: AddressSpace, access: Access): ReadonlyMap<string, NodeTag> {
  const { opcua } = access.map;
  const space = addressSpace.registerNamespace(opcua.namespaceUri);
  const nodes = new Map<string, NodeTag>();
  for (const device of opcua.devices) {
    const parent = space.addObject({
      organizedBy: addressSpace.rootFolder.objects,
      browseName: device.deviceId,
      nodeId: `s=${device.deviceId}`,
    });
    for (const point of device.points) {
      addPoint(space, parent, device, point, access);
      nodes.set(`ns=${space.index};s=${point.nodeId}`, { deviceId: device.deviceId, tag: point.tag });
    }
    for (const command of device.commands) addCommand(space, parent, device, command, access);
  }
  return nodes;
}
