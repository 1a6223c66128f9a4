import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { protoFile } from '../derive/protobuf.js';
import { deviceTypes } from '../device-types/registry.generated.js';
import type { Envelope, TaggedValue } from '../envelope.js';
import { decodeProtobuf, encodeProtobuf, protobufSchemaVersion } from './protobuf.js';

interface Golden {
  readonly name: string;
  readonly hex: string;
  readonly envelope: Envelope;
}

const contracts = [...deviceTypes.values()].flatMap((type) => type.versions);

/** What `decodeProtobuf` gives for an envelope: without what the form does not carry. */
function carried({ device_type: _, meta, ...rest }: Envelope) {
  const { edge_latency_ms: _latency, site: _site, ...kept } = meta ?? {};
  return { ...rest, ...(Object.keys(kept).length === 0 ? {} : { meta: kept }) };
}

describe.each(contracts)('$deviceType $version', (contract) => {
  const folder = contract.deviceType.replaceAll('_', '-');
  const file = new URL(
    `../device-types/${folder}/v${contract.version}/golden-protobuf.json`,
    import.meta.url,
  );
  const golden = JSON.parse(readFileSync(file, 'utf8')) as Golden[];

  it('decodes its golden bytes for ever', () => {
    expect(golden.length).toBeGreaterThan(0);
    for (const { name, hex, envelope } of golden) {
      const bytes = Buffer.from(hex, 'hex');
      expect([name, protobufSchemaVersion(bytes)]).toEqual([name, contract.version]);
      expect([name, decodeProtobuf(bytes, contract)]).toEqual([name, carried(envelope)]);
      expect([name, Buffer.from(encodeProtobuf(envelope, contract)).toString('hex')]).toEqual([name, hex]);
    }
  });

  it('means the same to protobufjs by the derived .proto file, in both directions', () => {
    const { root } = protobuf.parse(protoFile(contract), { keepCase: true });
    const letters = contract.deviceType.replace(/(?:^|_)([a-z0-9])/g, (_, c: string) => c.toUpperCase());
    const major = contract.version.split('.')[0];
    const message = root.lookupType(`millrace.${contract.deviceType}.v${major}.${letters}Telemetry`);
    for (const { envelope } of golden) {
      const theirs = message.toObject(message.decode(encodeProtobuf(envelope, contract)), {
        longs: Number,
        bytes: String,
      });
      const values = Object.entries(envelope.d).filter((entry) => entry[1].v !== null);
      expect(theirs).toMatchObject({
        device_id: envelope.device_id,
        ts_ms: envelope.ts,
        seq: envelope.seq,
        schema_version: contract.version,
        ...Object.fromEntries(values.map(([name, { v }]) => [name, v])),
      });
      expect(decodeProtobuf(message.encode(message.fromObject(theirs)).finish(), contract)).toEqual(
        carried(envelope),
      );
    }
  });
});

describe('the form', () => {
  const contract = deviceTypes.get('centrifugal_pump')!.versions.at(-1)!;
  const envelope = (d: Record<string, TaggedValue>): Envelope => ({
    schema_version: '2.1',
    msg_id: '01HX7K3NBVYD5V2Q3BZ8MNRZWK',
    device_id: 'P-1',
    device_type: 'centrifugal_pump',
    ts: 1_710_844_800_123,
    seq: 1,
    d,
  });

  it('refuses to encode a tag that the contract does not have', () => {
    expect(() => encodeProtobuf(envelope({ nothing: { v: 1, q: 192 } }), contract)).toThrow(/not a tag/);
  });

  it('is about half as long as JSON', () => {
    const tags = [
      'temp_inlet_c',
      'temp_outlet_c',
      'pressure_bar',
      'flow_m3h',
      'vibration_rms_mms',
      'power_kw',
    ];
    const message = envelope(Object.fromEntries(tags.map((tag) => [tag, { v: 18.25, q: 192 }])));
    expect(encodeProtobuf(message, contract).length * 2).toBeLessThan(JSON.stringify(message).length);
  });

  it.each([
    ['a cut varint', '08'],
    ['field 0', '0001'],
    ['a group', '0b'],
    ['a length beyond the end', '0a7f41'],
    ['bytes that are not UTF-8', '0a01ff'],
    ['a tag with another wire type', '2001'],
    ['more fields than codes', 'f2060105'],
  ])('refuses %s', (_name, hex) => {
    expect(() => decodeProtobuf(Buffer.from(hex, 'hex'), contract)).toThrow(/Not a/);
  });
});
