import { seededRandom } from '@millrace/foundation';
import fc from 'fast-check';
import mqttPacket, { type Packet } from 'mqtt-packet';
import { afterEach, describe, expect, it } from 'vitest';
import { startTestBroker, type TestBroker } from './peer.js';

const started: TestBroker[] = [];

async function start(): Promise<TestBroker> {
  const made = await startTestBroker();
  started.push(made);
  return made;
}

afterEach(async () => {
  for (const each of started.splice(0)) await each.stop();
});

const samples: readonly Packet[] = [
  { cmd: 'publish', topic: 'a/b', payload: 'x', qos: 1, messageId: 3, dup: false, retain: true },
  {
    cmd: 'publish',
    topic: 'a/b',
    payload: 'x',
    qos: 2,
    messageId: 4,
    dup: false,
    retain: false,
    properties: { contentType: 'c', userProperties: { a: 'b' }, topicAlias: 1 },
  },
  { cmd: 'subscribe', messageId: 5, subscriptions: [{ topic: 'a/#', qos: 1 }] },
  { cmd: 'unsubscribe', messageId: 6, unsubscriptions: ['a/#'] },
  { cmd: 'pubrel', messageId: 4 },
  { cmd: 'pubrec', messageId: 4 },
  { cmd: 'pingreq' },
];
const frames = samples.map((packet) => mqttPacket.generate(packet, { protocolVersion: 5 }));

describe('whatever bytes a client sends', () => {
  it('before CONNECT, the broker closes and counts it, and serves the next one', async () => {
    const test = await start();
    const random = seededRandom(7);
    for (let round = 0; round < 60; round++) {
      const bytes = Buffer.from(Array.from({ length: 2 + random.int(40) }, () => random.int(256)));
      // A CONNECT or an unfinished packet may wait for more; everything else ends the connection.
      bytes[0] = (bytes[0]! & 0x0f) | ((2 + random.int(14)) << 4);
      bytes[1] = random.int(bytes.length - 1);
      const client = test.open();
      client.raw(bytes);
      await client.end();
    }
    expect(test.broker.stats().protocolErrors).toBe(60);
    const good = await test.client('good');
    await good.settle();
    expect(test.broker.stats().connections).toBe(1);
  });

  it('after CONNECT, changed packets never disturb another client', async () => {
    const test = await start();
    const watcher = await test.client('watcher');
    let round = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(frames.length - 1), { minLength: 1, maxLength: 5 }),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 6 }),
        async (chosen, changes) => {
          const client = await test.client(`fuzz${round++}`);
          const bytes = Buffer.concat(chosen.map((index) => frames[index]!));
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          client.socket.removeAllListeners('data');
          client.socket.resume();
          client.raw(bytes);
          client.socket.end();
          await client.end();
          await watcher.settle();
        },
      ),
      { numRuns: 150, seed: 11 },
    );
    expect(test.broker.stats().protocolErrors).toBeGreaterThan(10);
    while (test.broker.stats().connections > 1) await new Promise((resolve) => setImmediate(resolve));
  });

  const offences: readonly (readonly [string, readonly number[], number])[] = [
    ['a second CONNECT [MQTT-3.1.0-2]', [...connectBytes()], 0x82],
    ['a length of five bytes (1.5.5)', [0x30, 0xff, 0xff, 0xff, 0xff, 1], 0x81],
    ['QoS 3 [MQTT-3.3.1-4]', [0x36, 6, 0, 1, 0x61, 0, 1, 0], 0x81],
    ['a topic with a wildcard [MQTT-3.3.2-2]', [0x30, 4, 0, 1, 0x23, 0], 0x90],
    ['a topic that is not UTF-8 [MQTT-1.5.4-1]', [0x30, 4, 0, 1, 0xff, 0], 0x90],
    ['no topic and no alias', [0x30, 3, 0, 0, 0], 0x90],
    ['a packet only a server sends', [0xd0, 0], 0x82],
    ['AUTH that nobody asked for (4.12)', [0xf0, 2, 0x18, 0], 0x82],
    ['a response topic with a wildcard [MQTT-3.3.2-14]', [0x30, 8, 0, 1, 0x61, 4, 8, 0, 1, 0x23], 0x82],
  ];
  for (const [name, bytes, code] of offences) {
    it(`${name} ends the connection with 0x${code.toString(16)}`, async () => {
      const test = await start();
      const client = await test.client('offender');
      client.raw(Buffer.from(bytes));
      expect((await client.next('disconnect')).reasonCode).toBe(code);
      await client.end();
      expect(test.broker.stats().protocolErrors).toBe(1);
    });
  }
});

function connectBytes(): Buffer {
  return mqttPacket.generate(
    { cmd: 'connect', protocolId: 'MQTT', protocolVersion: 5, clean: true, keepalive: 0, clientId: 'x' },
    { protocolVersion: 5 },
  );
}
