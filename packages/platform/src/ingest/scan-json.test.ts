import { deviceTypes } from '@millrace/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Ledger } from '../ledger/ledger.js';
import { decodeJson } from './decode-json.js';
import { deviceEntry } from './fixtures.js';
import type { Binding, DeviceRoute } from './route.js';
import { Kind, RowScratch } from './row-scratch.js';
import { buildLayouts } from './table-layout.js';
import { compileType } from './type-route.js';

const layouts = buildLayouts(deviceTypes.values());
const nowMs = 1_790_000_000_000;

function routeOf(typeName: string): { route: DeviceRoute; binding: Binding } {
  const entry = deviceEntry(1, 'D-1', { deviceType: typeName });
  const route: DeviceRoute = {
    entry,
    type: compileType(deviceTypes.get(typeName)!, layouts.byDeviceType.get(typeName)!),
    ledger: new Ledger().device(1, 1),
    idBytes: Buffer.from('D-1"'),
    fwVersion: undefined,
    fwBytes: undefined,
    schemaVersion: undefined,
  };
  const binding: Binding = {
    class: 'telemetry',
    topic: `${entry.topicPrefix}/telemetry`,
    prefix: entry.topicPrefix,
    tenantId: 1,
    clientId: 'acme::GW-1',
    speakerId: 'GW-1',
    clientIdBytes: Buffer.from('acme::GW-1"'),
    speakerIdBytes: Buffer.from('GW-1"'),
    route,
  };
  return { route, binding };
}

const routes = new Map([...deviceTypes.keys()].map((name) => [name, routeOf(name)]));

/** What a scratch says, comparable. */
function said(scratch: RowScratch, columns: number): unknown {
  return {
    ts: scratch.ts,
    seq: scratch.seq,
    epoch: scratch.epoch,
    sourceTs: scratch.sourceTs,
    msgId: scratch.hasMsgId ? scratch.msgId.toString('hex') : null,
    fw: scratch.fwVersion,
    extras: scratch.extras,
    values: Array.from({ length: columns }, (_, i) => {
      const kind = scratch.kind[i];
      const value =
        kind === Kind.text
          ? scratch.text[i]
          : kind === Kind.number || kind === Kind.boolean
            ? scratch.value[i]
            : null;
      return kind === Kind.absent ? undefined : [kind, value, scratch.q[i]];
    }),
  };
}

/** Both decoders on the same bytes: where the scanner says yes, the decoder must say the same. */
function compare(typeName: string, bytes: Buffer): boolean {
  const { route, binding } = routes.get(typeName)!;
  const columns = route.type.layout.columns.length;
  const fast = new RowScratch(columns);
  const slow = new RowScratch(columns);
  // The message lies in the middle of other bytes, as it does in a batch.
  const around = Buffer.concat([Buffer.from('}'), bytes, Buffer.from(',"q":1}')]);
  const accepted = route.type.scanner.scan(around, 1, 1 + bytes.length, binding, route, fast, nowMs);
  if (!accepted) return false;
  expect(decodeJson(bytes, binding, route, slow, nowMs)).toBeUndefined();
  expect(said(fast, columns)).toEqual(said(slow, columns));
  return true;
}

const numberText = fc.oneof(
  fc.double({ noNaN: true, min: -1e6, max: 1e6 }).map((v) => JSON.stringify(v)),
  fc.integer({ min: -50, max: 500 }).map(String),
  fc.integer({ min: 0, max: 10_000_000 }).map((v) => String(v / 1000)),
  fc.constantFrom(
    '0',
    '-0',
    '0.0',
    '-0.5',
    '00',
    '01',
    '1.',
    '.5',
    '1e3',
    '-',
    '9007199254740993',
    '0.1000000000000000055511151231257827',
    '123456789012345678901234567890',
    '2.0',
    '1.50',
  ),
);
const valueText = fc.oneof(
  { weight: 8, arbitrary: numberText },
  { weight: 1, arbitrary: fc.constantFrom('null', 'true', 'false', '"x"', '{}', '[]', 'nul', 'tru') },
);
const qText = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('192', '0', '28', '64', '216', '255') },
  { weight: 1, arbitrary: fc.constantFrom('256', '-1', '1.5', 'null', '"192"', '192.0', '0192') },
);

function messageText(typeName: string): fc.Arbitrary<string> {
  const { route } = routes.get(typeName)!;
  const tagNames = route.type.layout.columns.map(({ tag }) => tag.name);
  const tag = fc
    .tuple(
      fc.oneof(
        { weight: 20, arbitrary: fc.constantFrom(...tagNames) },
        { weight: 1, arbitrary: fc.constant('other') },
      ),
      valueText,
      qText,
      fc.integer({ min: 0, max: 30 }),
    )
    .map(([name, v, q, odd]) =>
      odd === 0
        ? `"${name}":${v}`
        : odd === 1
          ? `"${name}":{"q":${q},"v":${v}}`
          : `"${name}":{"v":${v},"q":${q}}`,
    );
  const unusual = <T>(usual: T, ...rare: T[]) =>
    fc.oneof(
      { weight: 30, arbitrary: fc.constant(usual) },
      { weight: 1, arbitrary: fc.constantFrom(...rare) },
    );
  const meta = fc.uniqueArray(
    fc.constantFrom(
      '"fw_version":"3.2.1"',
      '"fw_version":"3.2.2-rc\\u00e9"',
      '"fw_version":"é"',
      '"gw_id":"acme::GW-1"',
      '"gw_id":"GW-1"',
      '"gw_id":"acme::GW-2"',
      '"source_ts":1789999999990',
      '"source_ts":1.5',
      '"edge_latency_ms":20.5',
      '"site":"north"',
      '"epoch":7',
      '"epoch":4294967296',
      '"other":1',
    ),
    { maxLength: 4 },
  );
  return fc
    .record({
      version: unusual('"schema_version":"2.1"', '"schema_version":"1.0"', '"schema_version":2.1', ''),
      msgId: unusual(
        '"msg_id":"01HXJ5Z3V8Q4T2N6M0R9S7K1WC"',
        '"msg_id":"81HXJ5Z3V8Q4T2N6M0R9S7K1WC"',
        '"msg_id":"01hxj5z3v8q4t2n6m0r9s7k1wc"',
        '"msg_id":""',
        '',
      ),
      deviceId: unusual(
        '"device_id":"D-1"',
        '"device_id":"D-2"',
        '"device_id":"D-1x"',
        '"device_id":"\\u0044-1"',
        '',
      ),
      type: unusual(`"device_type":"${typeName}"`, '', '"device_type":"other"'),
      ts: unusual(
        '"ts":1789999999999',
        '"ts":5',
        '"ts":1789999999999.5',
        '"ts":1.789999999999e12',
        '"ts":"now"',
        '',
      ),
      seq: unusual('"seq":42', '"seq":0', '"seq":-1', '"seq":1.0', '"seq":9007199254740992', '"seq":042', ''),
      d: fc.oneof(
        { weight: 20, arbitrary: fc.array(tag, { maxLength: 8 }).map((tags) => `"d":{${tags.join(',')}}`) },
        { weight: 1, arbitrary: fc.constantFrom('', '"d":[]', '"d":null', '"d":{,}') },
      ),
      meta: fc.oneof(
        { weight: 10, arbitrary: meta.map((fields) => `"meta":{${fields.join(',')}}`) },
        { weight: 2, arbitrary: fc.constant('') },
      ),
      extra: unusual('', '"ts":1789999999998', '"note":"x"', '"d":{}'),
      order: fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7, 8], { minLength: 9, maxLength: 9 }),
      joint: unusual(',', ', ', ',,'),
      end: unusual('}', '} ', ' }', '}}', ''),
    })
    .map((m) => {
      const parts = [m.version, m.msgId, m.deviceId, m.type, m.ts, m.seq, m.d, m.meta, m.extra];
      return `{${m.order
        .map((i) => parts[i]!)
        .filter((part) => part !== '')
        .join(m.joint)}${m.end}`;
    });
}

describe('the scanner', () => {
  it.each([...deviceTypes.keys()])('agrees with the complete decoder on %s', (typeName) => {
    let accepted = 0;
    fc.assert(
      fc.property(messageText(typeName), (text) => {
        if (compare(typeName, Buffer.from(text))) accepted++;
      }),
      { numRuns: 3_000 },
    );
    // The test would prove nothing if the scanner always declined.
    expect(accepted).toBeGreaterThan(50);
  });

  it('agrees on mutated bytes', () => {
    const usual = Buffer.from(
      '{"schema_version":"2.1","msg_id":"01HXJ5Z3V8Q4T2N6M0R9S7K1WC","device_id":"D-1","device_type":"centrifugal_pump","ts":1789999999999,"seq":42,"d":{"pressure_bar":{"v":4.125,"q":192},"run_state":{"v":2,"q":192}},"meta":{"fw_version":"3.2.1","source_ts":1789999999990}}',
    );
    expect(compare('centrifugal_pump', usual)).toBe(true);
    const mutation = fc.record({ at: fc.nat(usual.length - 1), byte: fc.nat(255), cut: fc.nat(2) });
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), (mutations) => {
        let bytes = Buffer.from(usual);
        for (const { at, byte, cut } of mutations) {
          if (cut === 0) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
          else bytes[Math.min(at, bytes.length - 1)] = byte;
        }
        compare('centrifugal_pump', bytes);
      }),
      { numRuns: 20_000 },
    );
  });

  it('takes every ordinary message of every type', () => {
    for (const [name, { route }] of routes) {
      const d = Object.fromEntries(
        route.type.layout.columns
          .filter(({ tag }) => tag.type !== 'string')
          .map(({ tag }) => [tag.name, { v: tag.type === 'boolean' ? true : 1, q: 192 }]),
      );
      const message = {
        schema_version: '2.1',
        msg_id: '01HXJ5Z3V8Q4T2N6M0R9S7K1WC',
        device_id: 'D-1',
        device_type: name,
        ts: nowMs,
        seq: 1,
        d,
        meta: {
          fw_version: '1',
          gw_id: 'acme::GW-1',
          source_ts: 5,
          edge_latency_ms: 2.5,
          site: 'north',
          epoch: 3,
        },
      };
      expect(compare(name, Buffer.from(JSON.stringify(message)))).toBe(true);
    }
  });
});
