import fc from 'fast-check';
import { generate } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { FrameReader, publishFrameBytes, publishProperties, writePublish } from './frames.js';

describe('writePublish', () => {
  it('writes the bytes that mqtt-packet writes, in both versions', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }),
        fc.uint8Array({ maxLength: 300 }),
        fc.constantFrom(0 as const, 1 as const, 2 as const),
        fc.boolean(),
        fc.integer({ min: 1, max: 65_535 }),
        fc.option(fc.constantFrom('application/json', 'text/plain'), { nil: undefined }),
        fc.option(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { nil: undefined }),
        fc.constantFrom(4 as const, 5 as const),
        (topic, payload, qos, retain, packetId, contentType, expiry, version) => {
          fc.pre(!/[+#\0]/.test(topic));
          const frame = {
            topic: Buffer.from(topic),
            payload,
            qos,
            retain,
            properties: version === 5 ? publishProperties(contentType, expiry) : undefined,
          };
          const bytes = Buffer.alloc(publishFrameBytes(frame));
          expect(writePublish(bytes, 0, frame, packetId)).toBe(bytes.length);
          const properties = {
            ...(expiry === undefined ? {} : { messageExpiryInterval: expiry }),
            ...(contentType === undefined ? {} : { contentType }),
          };
          const theirs = generate(
            {
              cmd: 'publish',
              topic,
              payload: Buffer.from(payload),
              qos,
              retain,
              dup: false,
              ...(qos > 0 ? { messageId: packetId } : {}),
              ...(version === 5 ? { properties } : {}),
            },
            { protocolVersion: version },
          );
          expect(bytes.equals(theirs)).toBe(true);
        },
      ),
    );
  });
});

describe('FrameReader', () => {
  it('gives the same packets however the stream is cut', () => {
    const packet = fc.uint8Array({ minLength: 0, maxLength: 400 });
    fc.assert(
      fc.property(
        fc.array(packet, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 50 }),
        (bodies, cut) => {
          const stream = Buffer.concat(
            bodies.map((body) =>
              Buffer.concat([
                Buffer.from([0x40]),
                Buffer.from(
                  body.length < 128 ? [body.length] : [(body.length % 128) | 0x80, body.length >> 7],
                ),
                body,
              ]),
            ),
          );
          const seen: Buffer[] = [];
          const reader = new FrameReader();
          for (let at = 0; at < stream.length; at += cut) {
            const broken = reader.push(stream.subarray(at, at + cut), (frame, bodyStart) => {
              seen.push(Buffer.from(frame.subarray(bodyStart)));
            });
            expect(broken).toBeUndefined();
          }
          expect(seen.map((body) => body.toString('hex'))).toEqual(
            bodies.map((body) => Buffer.from(body).toString('hex')),
          );
        },
      ),
    );
  });

  it('refuses a length of five bytes [MQTT-1.5.5-1] and a packet above its bound', () => {
    expect(new FrameReader().push(Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0x01]), () => {})).toContain(
      'malformed',
    );
    expect(new FrameReader(100).push(Buffer.from([0x30, 0xff, 0x01]), () => {})).toContain('limit is 100');
  });
});
