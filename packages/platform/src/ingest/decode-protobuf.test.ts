import {
  contentTypes,
  deviceTypes,
  type Envelope,
  encodeProtobuf,
  latestContract,
  type TagContract,
  type TaggedValue,
} from '@millrace/contracts';
import { createUlidFactory, seededRandom, systemClock } from '@millrace/foundation';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Ledger } from '../ledger/ledger.js';
import { Batch, RowState } from './batch.js';
import { decode } from './decode.js';
import { deviceEntry, principal, publishBatch } from './fixtures.js';
import type { Binding, DeviceRoute } from './route.js';
import { RowScratch } from './row-scratch.js';
import { buildLayouts } from './table-layout.js';
import { compileType } from './type-route.js';

const layouts = buildLayouts(deviceTypes.values());
const scratch = new RowScratch(64);
const receivedAt = 1_790_000_000_500;
const nextUlid = createUlidFactory(systemClock, seededRandom(3));

function bindingOf(deviceType: string): Binding {
  const entry = deviceEntry(7, 'D-7', { deviceType });
  const type = compileType(deviceTypes.get(deviceType)!, layouts.byDeviceType.get(deviceType)!);
  const route: DeviceRoute = {
    entry,
    type,
    ledger: new Ledger().device(1, 7),
    idBytes: Buffer.from('D-7"'),
    fwVersion: undefined,
    fwBytes: undefined,
    schemaVersion: undefined,
  };
  const { clientId } = principal('GW-1');
  return {
    class: 'telemetry',
    topic: `${entry.topicPrefix}/telemetry`,
    prefix: entry.topicPrefix,
    tenantId: 1,
    clientId,
    speakerId: 'GW-1',
    clientIdBytes: Buffer.from(`${clientId}"`),
    speakerIdBytes: Buffer.from('GW-1"'),
    route,
  };
}

/** The COPY bytes of the row and of its extra tags, or the reason for which it is none. */
function rowOf(binding: Binding, payload: Buffer | object, contentType?: string) {
  const batch = new Batch(layouts, 4);
  const row = contentType === undefined ? { binding, payload } : { binding, payload, contentType };
  const publish = publishBatch([row], receivedAt);
  decode(
    batch,
    publish,
    batch.append(publish, () => {}),
    {
      layouts,
      scratch,
      resolve: () => binding.route,
      nowMs: receivedAt,
    },
  );
  if (batch.state[0] !== RowState.live)
    return { reason: batch.deadLetters.get(0)?.shownReason, seq: batch.seq[0] };
  const bytes = batch.tables[batch.table[0]!]!.bytes.subarray(batch.start[0]!, batch.end[0]!);
  return { row: bytes.toString('hex'), extras: batch.tables[layouts.extra.index]!.rows, seq: batch.seq[0] };
}

function valuesFor(tag: TagContract): fc.Arbitrary<TaggedValue['v']> {
  const [min, max] = tag.limits ?? [-1e6, 1e6];
  switch (tag.type) {
    case 'float64':
      // JSON cannot write a negative zero.
      return fc.double({ min, max, noNaN: true }).map((value) => (value === 0 ? 0 : value));
    case 'int32':
    case 'int64':
      return fc.integer({
        min: Math.max(Math.ceil(min), -(2 ** 31)),
        max: Math.min(Math.floor(max), 2 ** 31 - 1),
      });
    case 'boolean':
      return fc.boolean();
    case 'string':
      return fc.string({ maxLength: 20 });
  }
}

const quality = fc.constantFrom(192, 192, 192, 68, 28, 0);
const tagged = (tag: TagContract): fc.Arbitrary<TaggedValue> =>
  fc.record({ v: fc.oneof({ weight: 5, arbitrary: valuesFor(tag) }, fc.constant(null)), q: quality });

for (const type of deviceTypes.values())
  for (const contract of type.versions)
    it(`${type.name} ${contract.version}: Protobuf and JSON of the same values give the same row`, () => {
      const binding = bindingOf(type.name);
      const required = contract.tags.filter((tag: TagContract) => tag.required).map((tag) => tag.name);
      const values = fc.record(Object.fromEntries(contract.tags.map((tag) => [tag.name, tagged(tag)])), {
        requiredKeys: required,
      });
      const meta = fc.record(
        {
          fw_version: fc.constantFrom('3.2.1', '10.0.0'),
          gw_id: fc.constant('acme::GW-1'),
          source_ts: fc.integer({ min: receivedAt - 9_999, max: receivedAt }),
          epoch: fc.integer({ min: 0, max: 0xffff_ffff }),
        },
        { requiredKeys: [] },
      );
      fc.assert(
        fc.property(values, meta, fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (d, meta, seq) => {
          const envelope = {
            schema_version: contract.version,
            msg_id: nextUlid(),
            device_id: 'D-7',
            device_type: type.name,
            ts: receivedAt - 500,
            seq,
            d,
            meta,
          } as unknown as Envelope;
          const { seq: _, ...unnumbered } = envelope;
          const viaJson = rowOf(binding, seq === 0 ? unnumbered : envelope);
          const viaProtobuf = rowOf(
            binding,
            Buffer.from(encodeProtobuf(envelope, contract)),
            contentTypes.protobuf,
          );
          expect(viaJson).toHaveProperty('row');
          expect(viaProtobuf).toEqual(viaJson);
        }),
        { numRuns: 150 },
      );
    });

const pump = latestContract(deviceTypes.get('centrifugal_pump')!);
const sample: Envelope = {
  schema_version: '2.1',
  msg_id: '01HX7K3NBVYD5V2Q3BZ8MNRZWK',
  device_id: 'D-7',
  device_type: 'centrifugal_pump',
  ts: receivedAt - 500,
  seq: 9,
  d: { flow_m3h: { v: 5, q: 192 } },
};
const send = (bytes: Uint8Array) =>
  rowOf(bindingOf('centrifugal_pump'), Buffer.from(bytes), contentTypes.protobuf);

it('keeps a message of an unknown version under its number, and a tag that nobody knows as an extra one', () => {
  expect(send(encodeProtobuf({ ...sample, schema_version: '9.9' }, pump))).toEqual({
    reason: 'unknown_schema_version_9.9',
    seq: 9,
  });
  const newer = { ...pump, tags: [...pump.tags, { ...pump.tags[0]!, name: 'npsh_m', number: 80 }] };
  const d = { ...sample.d, npsh_m: { v: 2.5, q: 192 } };
  expect(send(encodeProtobuf({ ...sample, d }, newer))).toMatchObject({ extras: 1, seq: 9 });
});

it('dead-letters what is not Protobuf, whatever the bytes, and never throws', () => {
  expect(send(Buffer.from('{"device_id":"D-7"}'))).toMatchObject({ reason: 'malformed_payload' });
  expect(send(Buffer.alloc(0))).toHaveProperty('reason');
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void send(bytes)));
  const whole = encodeProtobuf(sample, pump);
  for (let length = 0; length < whole.length; length++) send(whole.subarray(0, length));
});
