import fc from 'fast-check';
import mqttPacket, { type IPublishPacket } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { readPublishProperties } from './publish-properties.js';
import {
  emptyPublishView,
  incomplete,
  malformed,
  type PacketBounds,
  scanPacket,
  scanPublish,
} from './scan.js';
import { encodePublish, encodePublishProperties } from './write-publish.js';

const textOf = (minLength: number) =>
  fc.string({ unit: 'binary', minLength, maxLength: 40 }).filter((text) => !/[\0+#\uFFFE\uFEFF]/.test(text));

const propertiesOf = fc.record(
  {
    payloadFormatIndicator: fc.boolean(),
    messageExpiryInterval: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    topicAlias: fc.integer({ min: 1, max: 65_535 }),
    contentType: textOf(0),
    responseTopic: textOf(1),
    correlationData: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
    userProperties: fc.dictionary(
      textOf(1).filter((key) => key !== '__proto__'),
      fc.oneof(textOf(0), fc.array(textOf(1), { minLength: 2, maxLength: 4 })),
      { minKeys: 1, maxKeys: 4, noNullPrototype: true },
    ),
  },
  { requiredKeys: [], noNullPrototype: true },
);

const publishOf = fc
  .record({
    qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
    retain: fc.boolean(),
    dup: fc.boolean(),
    messageId: fc.integer({ min: 1, max: 65_535 }),
    topic: textOf(1),
    payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    properties: propertiesOf,
  })
  .map((packet) => ({ ...packet, dup: packet.qos > 0 && packet.dup }));

type Publish = typeof publishOf extends fc.Arbitrary<infer T> ? T : never;

function generate(packet: Publish, version: 4 | 5): Buffer {
  const { properties, messageId, ...rest } = packet;
  const made: IPublishPacket = { cmd: 'publish', ...rest };
  if (packet.qos > 0) made.messageId = messageId;
  if (version === 5) made.properties = properties;
  return mqttPacket.generate(made, { protocolVersion: version });
}

function reference(bytes: Buffer, version: 4 | 5): IPublishPacket | undefined {
  const parser = mqttPacket.parser({ protocolVersion: version });
  let found: IPublishPacket | undefined;
  parser.on('packet', (packet) => {
    if (packet.cmd === 'publish') found = packet;
  });
  let failed = false;
  parser.on('error', () => {
    failed = true;
  });
  parser.parse(bytes);
  return failed ? undefined : found;
}

/** Reads one PUBLISH as the front door does; undefined when it refuses it. */
function read(bytes: Buffer, version: 4 | 5) {
  const bounds: PacketBounds = { bodyStart: 0, end: 0 };
  const view = emptyPublishView();
  if (scanPacket(bytes, 0, bytes.length, bounds) !== 0) return undefined;
  if (!scanPublish(bytes, 0, bounds, version === 5, view)) return undefined;
  const properties =
    view.propertiesEnd > view.propertiesStart
      ? readPublishProperties(bytes, view.propertiesStart, view.propertiesEnd)
      : {};
  if (!properties) return undefined;
  return {
    qos: view.qos,
    retain: view.retain,
    dup: view.dup,
    messageId: view.packetId,
    topic: bytes.toString('utf8', view.topicStart, view.topicEnd),
    payload: Buffer.from(bytes.subarray(view.payloadStart, view.payloadEnd)),
    properties,
  };
}

describe('a PUBLISH read in place', () => {
  for (const version of [4, 5] as const) {
    it(`says what mqtt-packet says of version ${version}`, () => {
      fc.assert(
        fc.property(publishOf, (packet) => {
          const bytes = generate(packet, version);
          const mine = read(bytes, version)!;
          const theirs = reference(bytes, version)!;
          expect(mine).toBeDefined();
          expect(mine.qos).toBe(theirs.qos);
          expect(mine.retain).toBe(theirs.retain);
          expect(mine.dup).toBe(theirs.dup);
          expect(mine.messageId).toBe(theirs.messageId ?? 0);
          expect(mine.topic).toBe(theirs.topic);
          expect(mine.payload.equals(theirs.payload as Buffer)).toBe(true);
          expect(JSON.stringify(sorted({ ...mine.properties }))).toBe(
            JSON.stringify(sorted({ ...theirs.properties })),
          );
        }),
        { numRuns: 400 },
      );
    });
  }

  it('takes a user property by any name, those of Object.prototype too', () => {
    for (const name of ['valueOf', '__proto__', 'constructor']) {
      const userProperties = Object.fromEntries([[name, 'a']]);
      const packet = { qos: 0, retain: false, dup: false, topic: 't', payload: Buffer.alloc(0) } as const;
      const bytes = generate({ ...packet, messageId: 1, properties: { userProperties } }, 5);
      expect(Object.entries(read(bytes, 5)?.properties.userProperties ?? {})).toEqual([[name, 'a']]);
    }
  });

  it('is incomplete at every cut, and names its end as soon as the length is there', () => {
    fc.assert(
      fc.property(publishOf, fc.nat(), (packet, cut) => {
        const bytes = generate(packet, 5);
        const limit = cut % bytes.length;
        const bounds: PacketBounds = { bodyStart: 0, end: 0 };
        expect(scanPacket(bytes, 0, limit, bounds)).toBe(incomplete);
        expect([0, bytes.length]).toContain(bounds.end);
      }),
    );
  });

  it('never reads outside the packet, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 2, maxLength: 80 }), fc.boolean(), (random, v5) => {
        const bytes = Buffer.from(random);
        const bounds: PacketBounds = { bodyStart: 0, end: 0 };
        const view = emptyPublishView();
        if (scanPacket(bytes, 0, bytes.length, bounds) !== 0) return;
        if (!scanPublish(bytes, 0, bounds, v5, view)) return;
        expect(view.topicEnd).toBeLessThanOrEqual(view.propertiesStart);
        expect(view.propertiesEnd).toBe(view.payloadStart);
        expect(view.payloadStart).toBeLessThanOrEqual(view.payloadEnd);
        expect(view.payloadEnd).toBe(bounds.end);
        expect(view.qos).toBeLessThan(3);
        readPublishProperties(bytes, view.propertiesStart, view.propertiesEnd);
      }),
      { numRuns: 2000 },
    );
  });

  it('is malformed with a length of five bytes (1.5.5)', () => {
    const bounds: PacketBounds = { bodyStart: 0, end: 0 };
    const bytes = Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0x01]);
    expect(scanPacket(bytes, 0, bytes.length, bounds)).toBe(malformed);
  });
});

describe('a PUBLISH written by hand', () => {
  for (const version of [4, 5] as const) {
    it(`is read back by mqtt-packet, version ${version}`, () => {
      fc.assert(
        fc.property(
          publishOf,
          fc.array(fc.integer({ min: 1, max: 268_435_455 }), { maxLength: 3 }),
          (packet, identifiers) => {
            const { topicAlias, ...properties } = packet.properties;
            const own = {
              subscriptionIdentifiers: identifiers,
              ...(topicAlias === undefined ? {} : { topicAlias }),
            };
            const bytes = encodePublish({
              ...packet,
              topic: Buffer.from(packet.topic),
              packetId: packet.messageId,
              properties: version === 5 ? encodePublishProperties(properties, own) : undefined,
            });
            const theirs = reference(bytes, version)!;
            expect(theirs.topic).toBe(packet.topic);
            expect(theirs.qos).toBe(packet.qos);
            expect(theirs.dup).toBe(packet.dup);
            expect(theirs.retain).toBe(packet.retain);
            expect(theirs.messageId ?? 0).toBe(packet.qos > 0 ? packet.messageId : 0);
            expect(packet.payload.equals(theirs.payload as Buffer)).toBe(true);
            if (version === 4) return;
            const { subscriptionIdentifier, ...rest } = theirs.properties ?? {};
            expect([subscriptionIdentifier ?? []].flat()).toEqual(identifiers);
            expect(sorted({ ...rest })).toEqual(sorted({ ...packet.properties }));
          },
        ),
        { numRuns: 400 },
      );
    });
  }
});

describe('what a PUBLISH may not be', () => {
  const refused: readonly (readonly [string, readonly number[]])[] = [
    ['QoS 3 [MQTT-3.3.1-4]', [0x36, 6, 0, 1, 0x61, 0, 1, 0]],
    ['DUP at QoS 0 [MQTT-3.3.1-2]', [0x38, 4, 0, 1, 0x61, 0]],
    ['packet id 0 [MQTT-2.2.1-3]', [0x32, 6, 0, 1, 0x61, 0, 0, 0]],
    ['a topic longer than the packet', [0x30, 3, 0, 9, 0x61]],
    ['properties longer than the packet', [0x30, 4, 0, 1, 0x61, 9]],
    ['a property of another packet (0x11, 3.3.2.3)', [0x30, 9, 0, 1, 0x61, 5, 0x11, 0, 0, 0, 1]],
    ['a property twice (3.3.2.3.2)', [0x30, 8, 0, 1, 0x61, 4, 0x01, 1, 0x01, 1]],
    ['payload format 2 (3.3.2.3.2)', [0x30, 6, 0, 1, 0x61, 2, 0x01, 2]],
    ['an expiry cut short', [0x30, 7, 0, 1, 0x61, 3, 0x02, 0, 0]],
    ['a user property without value', [0x30, 8, 0, 1, 0x61, 4, 0x26, 0, 1, 0x61]],
    ['a subscription identifier from a client [MQTT-3.3.4-6]', [0x30, 6, 0, 1, 0x61, 2, 0x0b, 1]],
  ];
  for (const [name, bytes] of refused) {
    it(name, () => expect(read(Buffer.from(bytes), 5)).toBeUndefined());
  }
});

function sorted(value: Record<string, unknown>): unknown {
  return Object.keys(value)
    .sort()
    .map((key) => {
      const item = value[key];
      if (Buffer.isBuffer(item)) return [key, item.toString('hex')];
      if (key === 'userProperties') return [key, sorted({ ...(item as object) })];
      return [key, item];
    });
}
