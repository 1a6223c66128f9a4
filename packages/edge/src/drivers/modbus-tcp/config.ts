import { field, type Infer } from '@millrace/foundation';
import { tagSettings } from '../../config/tag-settings.js';

/** Configuration of one Modbus TCP server (a PLC, a meter, or a gateway with several units behind it). */
export const config = field.object('A Modbus TCP server.', {
  host: field.string('Host name or address.'),
  port: field.integer('TCP port.', { min: 1, max: 65_535, default: 502 }),
  addresses: field.oneOf(
    'How `address` is counted: 0-based as in the protocol, or 1-based as in many manuals. Never guessed.',
    ['0-based', '1-based'],
  ),
  poll_ms: field.integer('Time between polls of a device.', {
    min: 10,
    max: 3_600_000,
    default: 1000,
    unit: 'ms',
  }),
  timeout_ms: field.integer('Longest wait for one answer.', {
    min: 10,
    max: 60_000,
    default: 200,
    unit: 'ms',
  }),
  tries: field.integer('Tries before the tags turn bad.', { min: 1, max: 10, default: 3 }),
  retry_ms: field.integer('Wait between two tries.', { min: 0, max: 10_000, default: 50, unit: 'ms' }),
  dead_poll_ms_max: field.integer('Longest wait before a dead device is asked again; doubles up to this.', {
    min: 100,
    max: 3_600_000,
    default: 10_000,
    unit: 'ms',
  }),
  in_flight: field.integer('Requests on the way at a time; 1 for servers that take no second one.', {
    min: 1,
    max: 16,
    default: 4,
  }),
  max_gap: field.integer('Unused registers (or bits) read along to merge two neighbours into one request.', {
    min: 0,
    max: 124,
    default: 8,
  }),
  devices: field.map(
    'Devices behind this server, by device id.',
    field.object('A device.', {
      unit: field.integer('Unit identifier.', { min: 0, max: 255, default: 1 }),
      poll_ms: field.optional(
        field.integer("Time between polls, when it differs from the driver's.", {
          min: 10,
          max: 3_600_000,
          unit: 'ms',
        }),
      ),
      tags: field.map(
        'Tags of the device type, by name.',
        field.object('A tag.', {
          table: field.oneOf('Modbus table: coil (FC 1), discrete (FC 2), holding (FC 3), input (FC 4).', [
            'coil',
            'discrete',
            'holding',
            'input',
          ]),
          address: field.integer('First address, counted as `addresses` says.', { min: 0, max: 65_536 }),
          data: field.oneOf(
            'Type of the content.',
            [
              'bit',
              'int16',
              'uint16',
              'int32',
              'uint32',
              'int64',
              'uint64',
              'float32',
              'float64',
              'bcd16',
              'bcd32',
              'string',
            ],
            { default: 'uint16' },
          ),
          order: field.oneOf(
            'Byte order over the registers, A the most significant byte.',
            ['ABCD', 'CDAB', 'BADC', 'DCBA'],
            { default: 'ABCD' },
          ),
          bit: field.integer('Which bit of a register, 0 the least significant.', {
            min: 0,
            max: 15,
            default: 0,
          }),
          length: field.integer('Registers of a string.', { min: 1, max: 125, default: 8 }),
          ...tagSettings,
        }),
      ),
    }),
  ),
});

export type Config = Infer<typeof config>;
