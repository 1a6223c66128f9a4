import { MillraceError } from '@millrace/foundation';
import { ReasonCode } from '@millrace/mqtt';
import { ManualClock } from '@millrace/testing';
import { afterEach, describe, expect, it } from 'vitest';
import type { BrokerOptions } from './broker.js';
import { denySubscribeAuthorizer } from './open-door.js';
import { HeldIngress, startTestBroker, type TestBroker } from './peer.js';

const started: TestBroker[] = [];

async function start(options: Partial<BrokerOptions> = {}): Promise<TestBroker> {
  const made = await startTestBroker(options);
  started.push(made);
  return made;
}

afterEach(async () => {
  for (const each of started.splice(0)) await each.stop();
});

describe('a PUBLISH that the ingress answers for', () => {
  it('is acknowledged at QoS 1 when its batch settles and not before (D2C-3)', async () => {
    const ingress = new HeldIngress();
    const { client } = await start({ ingress });
    const device = await client('d1');
    for (let id = 1; id <= 3; id++) device.publish('in/a', `m${id}`, 1, { messageId: id });
    await ingress.arrived(3);
    await device.settle();
    expect(device.inbox).toEqual([]);
    ingress.settle();
    const acks = [await device.next('puback'), await device.next('puback'), await device.next('puback')];
    expect(acks.map((ack) => [ack.messageId, ack.reasonCode ?? 0])).toEqual([
      [1, 0],
      [2, 0],
      [3, 0],
    ]);
    expect(ingress.payloads).toEqual(['m1', 'm2', 'm3']);
  });

  it('gets PUBREC when its batch settles, is not handed over twice, and ends with PUBCOMP [MQTT-4.3.3-10]', async () => {
    const ingress = new HeldIngress();
    const { client } = await start({ ingress });
    const device = await client('d1');
    device.publish('in/a', 'once', 2, { messageId: 7 });
    await ingress.arrived(1);
    device.publish('in/a', 'once', 2, { messageId: 7, dup: true });
    await device.settle();
    expect(device.inbox).toEqual([]);
    ingress.settle();
    expect((await device.next('pubrec')).messageId).toBe(7);
    device.publish('in/a', 'once', 2, { messageId: 7, dup: true });
    expect((await device.next('pubrec')).messageId).toBe(7);
    device.send({ cmd: 'pubrel', messageId: 7 });
    expect((await device.next('pubcomp')).messageId).toBe(7);
    expect(ingress.payloads).toEqual(['once']);
    device.publish('in/a', 'another', 2, { messageId: 7 });
    await ingress.arrived(2);
    expect(ingress.payloads).toEqual(['once', 'another']);
  });

  it('carries the refusal of the ingress in its PUBACK and PUBREC (3.4.2.1)', async () => {
    const ingress = new HeldIngress();
    const { client } = await start({ ingress });
    const device = await client('d1');
    device.publish('in/a', 'x', 1, { messageId: 1 });
    device.publish('in/a', 'y', 2, { messageId: 2 });
    await ingress.arrived(2);
    ingress.settle(ReasonCode.quotaExceeded);
    expect((await device.next('puback')).reasonCode).toBe(ReasonCode.quotaExceeded);
    expect((await device.next('pubrec')).reasonCode).toBe(ReasonCode.quotaExceeded);
  });

  it('says 0x83 for a refusal that a PUBACK cannot name (table 3-4), so that no client chokes on it', async () => {
    const ingress = new HeldIngress();
    const { client } = await start({ ingress });
    const device = await client('d1');
    device.publish('in/a', 'x', 1, { messageId: 1 });
    await ingress.arrived(1);
    ingress.settle(ReasonCode.serverBusy);
    expect((await device.next('puback')).reasonCode).toBe(ReasonCode.implementationSpecificError);
  });

  it('gets no acknowledgement for a refusal in 3.1.1, which has no reason codes', async () => {
    const ingress = new HeldIngress();
    const { client } = await start({ ingress });
    const device = await client('d1', { version: 4 });
    device.publish('in/a', 'x', 1, { messageId: 1 });
    await ingress.arrived(1);
    ingress.settle(ReasonCode.serverBusy);
    device.publish('in/a', 'x', 1, { messageId: 1, dup: true });
    await ingress.arrived(2);
    ingress.settle();
    expect((await device.next('puback')).messageId).toBe(1);
    await device.settle();
    expect(device.inbox).toEqual([]);
  });

  it('stops the reading of its connection while the ingress is saturated, and goes on after the drain', async () => {
    const ingress = new HeldIngress();
    const { broker, client } = await start({ ingress });
    const device = await client('d1');
    ingress.saturated = true;
    device.publish('in/a', 'first', 1, { messageId: 1 });
    await ingress.arrived(1);
    expect(broker.stats().paused).toBe(1);
    device.publish('in/a', 'second', 1, { messageId: 2 });
    const other = await client('d2');
    await other.settle();
    expect(ingress.payloads).toEqual(['first']);
    ingress.drain();
    await ingress.arrived(2);
    expect(ingress.payloads).toEqual(['first', 'second']);
    expect(broker.stats().paused).toBe(0);
  });

  it('reaches subscribers too, and has its content type in the batch', async () => {
    const ingress = new HeldIngress();
    const { client } = await start({ ingress });
    const watcher = await client('w');
    await watcher.subscribe('in/#');
    const device = await client('d1');
    device.publish('in/a', 'x', 1, { properties: { contentType: 'application/x' } });
    await ingress.arrived(1);
    expect([...ingress.batches[0]!.batch.contentTypes]).toEqual([[0, 'application/x']]);
    expect((await watcher.next('publish')).properties?.contentType).toBe('application/x');
  });
});

describe('stop', () => {
  it('waits for what the ingress holds, and acknowledges it before it closes', async () => {
    const ingress = new HeldIngress();
    const test = await start({ ingress });
    const device = await test.client('d1');
    device.publish('in/a', 'x', 1, { messageId: 5 });
    await ingress.arrived(1);
    let stopped = false;
    const stopping = test.broker.stop().then(() => {
      stopped = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(stopped).toBe(false);
    ingress.settle();
    await stopping;
    expect((await device.next('puback')).messageId).toBe(5);
    expect((await device.next('disconnect')).reasonCode).toBe(0x8b);
    await device.end();
    await test.broker.stop();
  });

  it('gives its port back, and a taken port is one clear sentence', async () => {
    const first = await start();
    const url = `mqtt://127.0.0.1:${first.port}`;
    await expect(start({ listeners: [{ url }] })).rejects.toThrow(MillraceError);
    await first.broker.stop();
    const second = await start({ listeners: [{ url }] });
    expect(second.port).toBe(first.port);
  });
});

describe('what a broker does around the ingress', () => {
  it('keeps a retained message of an ingress topic for those who subscribe later', async () => {
    const ingress = new HeldIngress();
    const { client } = await start({ ingress });
    const device = await client('d1');
    device.publish('in/status', 'offline', 1, { retain: true });
    await ingress.arrived(1);
    const late = await client('late');
    await late.subscribe('in/+');
    expect((await late.next('publish')).retain).toBe(true);
  });

  it('hands the will of a client over like a message of its own', async () => {
    const ingress = new HeldIngress();
    const { client } = await start({ ingress });
    const will = { topic: 'in/status', payload: Buffer.from('offline'), qos: 1 as const, retain: true };
    (await client('d1', { will })).destroy();
    await ingress.arrived(1);
    expect(ingress.payloads).toEqual(['offline']);
  });

  it('stops in bounded time although the ingress never answers', async () => {
    const clock = new ManualClock();
    const ingress = new HeldIngress();
    const { broker, client } = await start({ ingress, clock });
    const device = await client('d1');
    device.publish('in/a', 'x', 1);
    await device.settle();
    clock.advance(2);
    await ingress.arrived(1);
    const stopping = broker.stop();
    await clock.advanceAsync(10_000);
    await clock.advanceAsync(10_000);
    await stopping;
    await device.end();
  });

  it('alerts once in ten minutes about a client above its rate, across its connections, and drops nothing', async () => {
    const clock = new ManualClock();
    const authenticate = async ({ clientId }: { clientId: string }) => ({
      ok: true as const,
      principal: { clientId, tenant: '', certificateSerial: undefined, messagesPerMinuteAlert: 3 },
    });
    const { broker, client, events } = await start({ clock, authenticator: { authenticate } });
    const alerts = () => events.filter((event) => event.type === 'rate_exceeded').length;
    for (let round = 1; round <= 3; round++) {
      const device = await client('fast');
      for (let i = 0; i < 6; i++) device.publish('t', 'x');
      await device.settle();
      expect(alerts()).toBe(round === 3 ? 2 : 1);
      if (round === 2) clock.advance(600_000);
    }
    expect(broker.stats().received).toBe(18);
  });
});

describe('rights', () => {
  const authorizer = {
    mayPublish: (_: unknown, topic: string) => !topic.startsWith('secret'),
    maySubscribe: (_: unknown, filter: string) => !filter.startsWith('secret'),
  };

  it('refuse a PUBLISH with 0x87 in MQTT 5 and no PUBACK in 3.1.1, and tell the observer', async () => {
    const { broker, client, events } = await start({ authorizer });
    const five = await client('five');
    five.publish('secret/a', 'x', 1, { messageId: 1 });
    expect((await five.next('puback')).reasonCode).toBe(ReasonCode.notAuthorized);
    const four = await client('four', { version: 4 });
    four.publish('secret/a', 'x', 1, { messageId: 1 });
    await four.settle();
    expect(four.inbox).toEqual([]);
    expect(broker.stats().refusedPublishes).toBe(2);
    const refused = events.filter((event) => event.type === 'publish_refused');
    expect(refused.map((event) => event.topic)).toEqual(['secret/a', 'secret/a']);
  });

  it('refuse a subscription without saying which filters exist', async () => {
    const { client, events } = await start({ authorizer: denySubscribeAuthorizer(['no/#']) });
    const five = await client('five');
    expect((await five.subscribe('no/#')).granted).toEqual([0x80]);
    const four = await client('four', { version: 4 });
    expect((await four.subscribe('no/#')).granted).toEqual([0x80]);
    expect(events.filter((event) => event.type === 'subscribe_refused')).toHaveLength(2);
  });

  it('are asked again after refreshRights: at the next PUBLISH, and for subscriptions at once', async () => {
    const denied = new Set<string>();
    const { broker, client } = await start({
      authorizer: {
        mayPublish: (_, topic) => !denied.has(topic),
        maySubscribe: (_, filter) => !denied.has(filter),
      },
    });
    const a = await client('a');
    await a.subscribe('t', 1);
    a.publish('t', '1', 1, { messageId: 1 });
    expect((await a.next('puback')).reasonCode ?? 0).toBe(0);
    denied.add('t');
    a.publish('t', '2', 1, { messageId: 2 });
    expect((await a.next('puback')).reasonCode ?? 0).toBe(0);
    broker.refreshRights();
    expect(broker.stats().subscriptions).toBe(0);
    a.publish('t', '3', 1, { messageId: 3 });
    expect((await a.next('puback')).reasonCode).toBe(ReasonCode.notAuthorized);
  });
});

describe('bounds', () => {
  it('close a client that exceeds the receive maximum with 0x93, QoS 2 counted until PUBCOMP (4.9)', async () => {
    const { broker, client } = await start({ limits: { receiveMaximum: 3 } });
    const device = await client('d1');
    expect(device.connack.properties?.receiveMaximum).toBe(3);
    for (let id = 1; id <= 3; id++) device.publish('t', 'x', 2, { messageId: id });
    for (let id = 1; id <= 3; id++) await device.next('pubrec');
    device.send({ cmd: 'pubrel', messageId: 1 });
    await device.next('pubcomp');
    device.publish('t', 'x', 2, { messageId: 4 });
    await device.next('pubrec');
    device.publish('t', 'x', 1, { messageId: 5 });
    expect((await device.next('disconnect')).reasonCode).toBe(0x93);
    await device.end();
    expect(broker.stats().protocolErrors).toBe(1);
  });

  it('refuse a packet that is too large by its length, before it has arrived [MQTT-3.2.2-15]', async () => {
    const { client } = await start({ limits: { packetBytesMax: 1000 } });
    const device = await client('d1');
    device.raw(Buffer.from([0x30, 0xff, 0xff, 0x7f, 0, 1, 0x61]));
    expect((await device.next('disconnect')).reasonCode).toBe(ReasonCode.packetTooLarge);
    await device.end();
  });

  it('read a long packet that comes in pieces', async () => {
    const { client } = await start();
    const device = await client('d1');
    await device.subscribe('big');
    const text = 'x'.repeat(3_000_000);
    device.publish('big', text);
    expect(await device.text()).toBe(text);
  });

  it('never send a client more than it takes, and count the message as delivered [MQTT-3.1.2-25]', async () => {
    const { client } = await start();
    const small = await client('small', { properties: { maximumPacketSize: 60, receiveMaximum: 1 } });
    await small.subscribe('t', 1);
    const from = await client('from');
    from.publish('t', 'x'.repeat(100), 1, { messageId: 1 });
    from.publish('t', 'short', 1, { messageId: 2 });
    expect(await small.text()).toBe('short');
  });

  it('keep at most the receive maximum of the client on the way [MQTT-3.3.4-9]', async () => {
    const { client } = await start();
    const slow = await client('slow', { properties: { receiveMaximum: 2 } });
    await slow.subscribe('t', 1);
    const from = await client('from');
    for (let id = 1; id <= 3; id++) {
      from.publish('t', `m${id}`, 1, { messageId: id });
      await from.next('puback');
    }
    const first = await slow.next('publish');
    expect(first.payload.toString()).toBe('m1');
    expect(await slow.text()).toBe('m2');
    await slow.settle();
    expect(slow.inbox).toEqual([]);
    slow.send({ cmd: 'puback', messageId: first.messageId! });
    expect(await slow.text()).toBe('m3');
  });

  it('refuse QoS 1 with quota exceeded while too much waits for subscribers', async () => {
    const { broker, client } = await start({ limits: { queuedBytesMax: 1000 } });
    const away = await client('away', { properties: { sessionExpiryInterval: 100 } });
    await away.subscribe('t', 1);
    await away.leave();
    const from = await client('from');
    from.publish('t', 'x'.repeat(900), 1, { messageId: 1 });
    expect((await from.next('puback')).reasonCode ?? 0).toBe(0);
    from.publish('t', 'y', 1, { messageId: 2 });
    expect((await from.next('puback')).reasonCode).toBe(ReasonCode.quotaExceeded);
    from.publish('nobody', 'z', 1, { messageId: 3 });
    expect((await from.next('puback')).reasonCode).toBe(ReasonCode.noMatchingSubscribers);
    const back = await client('away', { clean: false, properties: { sessionExpiryInterval: 100 } });
    const waited = await back.next('publish');
    back.send({ cmd: 'puback', messageId: waited.messageId! });
    await back.settle();
    expect(broker.stats().queuedBytes).toBe(0);
    from.publish('t', 'again', 1, { messageId: 4 });
    expect(await back.text()).toBe('again');
  });

  it('end a silent client after one and a half keep alives, and a connection without CONNECT', async () => {
    const clock = new ManualClock();
    const { client, open } = await start({ clock });
    const silent = await client('silent', { keepalive: 10 });
    const mute = open();
    await new Promise<void>((resolve) => mute.socket.once('connect', () => resolve()));
    await clock.advanceAsync(14_000);
    await mute.end();
    expect(silent.closed).toBe(false);
    clock.advance(2000);
    expect((await silent.next('disconnect')).reasonCode).toBe(0x8d);
  });

  it('refuse one session or one subscription too many with quota exceeded', async () => {
    const { client } = await start({ limits: { sessionsMax: 1, subscriptionsMaxPerSession: 1 } });
    const a = await client('a');
    expect((await client('b')).connack.reasonCode).toBe(ReasonCode.quotaExceeded);
    expect((await a.subscribe('x', 1)).granted).toEqual([1]);
    expect((await a.subscribe('y', 1)).granted).toEqual([ReasonCode.quotaExceeded]);
    expect((await a.subscribe('x', 0)).granted).toEqual([0]);
  });

  it('grant keep alives and session expiries up to their maximum and say so (3.2.2.3.14, 3.2.2.3.2)', async () => {
    const { client } = await start();
    const a = await client('a', { keepalive: 600, properties: { sessionExpiryInterval: 4_000_000_000 } });
    expect(a.connack.properties?.serverKeepAlive).toBe(60);
    expect(a.connack.properties?.sessionExpiryInterval).toBe(7 * 86_400);
    const b = await client('b', { keepalive: 30 });
    expect(b.connack.properties?.serverKeepAlive).toBeUndefined();
  });
});
