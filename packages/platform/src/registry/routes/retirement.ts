import { checkRetirement, deviceTypes } from '@millrace/contracts';
import { MillraceError } from '@millrace/foundation';
import { Type } from 'typebox';
import { defineRoute } from '../../api/route.js';
import { strict } from '../../api/schemas.js';

/** Ids told of each group of devices. */
const idsMax = 100;

const count = (description: string) => Type.Integer({ minimum: 0, description });
const known = (description: string) => Type.Union([Type.String(), Type.Null()], { description });

export const getRetirement = defineRoute({
  method: 'GET',
  url: '/v1/contracts/:type/retirement',
  operationId: 'get-field-retirement',
  summary: 'Which devices still send a field, by what their last message said of firmware and contract.',
  group: 'Devices',
  permission: 'fleet:read',
  params: strict({ type: Type.String({ maxLength: 64, description: 'Device type.' }) }),
  query: strict({
    field: Type.String({ minLength: 1, maxLength: 64, description: 'Name of the tag.' }),
    stopped_in: Type.Optional(
      Type.String({
        maxLength: 64,
        pattern: '^v?\\d+(\\.\\d+){0,2}([-+][0-9A-Za-z.+-]+)?$',
        description: 'Firmware from which on the field is not sent, compared as a semantic version.',
      }),
    ),
  }),
  answer: Type.Object({
    device_type: Type.String(),
    field: Type.String(),
    sending: count('Devices that still send it.'),
    unknown: count('Devices that never said what they send by.'),
    stopped: count('Devices that do not send it.'),
    may_retire: Type.Boolean({ description: 'Nobody sends it and everybody is known.' }),
    groups: Type.Array(
      Type.Object({
        fw_version: known('Firmware; null where none was told.'),
        schema_version: known('Contract version of the last message.'),
        sending: Type.Enum(['yes', 'no', 'unknown']),
        devices: count('Devices of this kind.'),
        device_ids: Type.Array(Type.String(), { description: 'At most a hundred of them.' }),
      }),
      { description: 'Oldest firmware first.' },
    ),
  }),
  handler: async ({ params, query, tenant, services }) => {
    const type = deviceTypes.get(params.type);
    if (type === undefined)
      throw new MillraceError(
        'not_found',
        `There is no contract for the device type ${params.type}: known are ${[...deviceTypes.keys()].join(', ')}.`,
      );
    const devices = await services.fleet.devices(tenant.tenantId);
    const report = checkRetirement(
      type,
      query.field,
      devices
        .filter((device) => device.device_type === type.name)
        .map((device) => ({
          deviceId: device.device_id,
          schemaVersion: device.schema_version ?? undefined,
          fwVersion: device.fw_version ?? undefined,
        })),
      query.stopped_in,
    );
    if (report === undefined)
      throw new MillraceError('not_found', `No version of ${type.name} has a field ${query.field}.`);
    return {
      device_type: type.name,
      field: query.field,
      sending: report.sending,
      unknown: report.unknown,
      stopped: report.stopped,
      may_retire: report.mayRetire,
      groups: report.groups.map((group) => ({
        fw_version: group.fwVersion ?? null,
        schema_version: group.schemaVersion ?? null,
        sending: group.sending,
        devices: group.deviceIds.length,
        device_ids: group.deviceIds.slice(0, idsMax),
      })),
    };
  },
});
