import { ManualClock } from '@millrace/testing';
import { afterEach, describe, expect, it } from 'vitest';
import type { BrokerOptions } from './broker.js';
import { startTestBroker, type TestBroker } from './peer.js';

const started: TestBroker[] = [];
const lasting = { properties: { sessionExpiryInterval: 1000 } };
const resumed = { clean: false, ...lasting };
const text = (payload: string, more: object = {}) => ({
  topic: 'w',
  payload: Buffer.from(payload),
  qos: 1 as const,
  retain: false,
  ...more,
});

async function start(options: Partial<BrokerOptions> = {}): Promise<TestBroker> {
  const made = await startTestBroker(options);
  started.push(made);
  return made;
}

afterEach(async () => {
  for (const each of started.splice(0)) await each.stop();
});

describe('a will', () => {
  it('is published when the connection is lost, and not after DISCONNECT [MQTT-3.1.2-8]', async () => {
    const { client, events } = await start();
    const watcher = await client('watcher');
    await watcher.subscribe('w', 1);
    const polite = await client('polite', { will: text('polite') });
    await polite.leave();
    const lost = await client('lost', { will: text('lost') });
    lost.destroy();
    expect(await watcher.text()).toBe('lost');
    expect(events.filter((e) => e.type === 'disconnected').map((e) => e.orderly)).toEqual([true, false]);
  });

  it('is published after DISCONNECT with 0x04 (3.14.2.1)', async () => {
    const { client } = await start();
    const watcher = await client('watcher');
    await watcher.subscribe('w', 1);
    const asking = await client('asking', { will: text('asked for') });
    asking.send({ cmd: 'disconnect', reasonCode: 4 });
    expect(await watcher.text()).toBe('asked for');
  });

  it('carries its properties, and its expiry counts from its publication', async () => {
    const { client } = await start();
    const watcher = await client('watcher');
    await watcher.subscribe('w', 1);
    const properties = { contentType: 'text/plain', messageExpiryInterval: 60, userProperties: { a: '1' } };
    const lost = await client('lost', { will: text('lost', { properties }) });
    lost.destroy();
    expect((await watcher.next('publish')).properties).toEqual({ ...properties, userProperties: { a: '1' } });
  });

  it('waits for its delay, and is taken back by a client that returns in time (3.1.3.2.2)', async () => {
    const clock = new ManualClock();
    const { client, broker } = await start({ clock });
    const watcher = await client('watcher');
    await watcher.subscribe('w', 1);
    const will = text('late', { properties: { willDelayInterval: 10 } });
    for (const round of ['taken back', 'published']) {
      const lost = await client('lost', { ...resumed, will });
      lost.destroy();
      while (broker.stats().connections > 1) await new Promise((resolve) => setImmediate(resolve));
      clock.advance(9000);
      await watcher.settle();
      expect(watcher.inbox).toEqual([]);
      if (round === 'published') clock.advance(1000);
    }
    expect(await watcher.text()).toBe('late');
  });

  it('of a delayed kind goes out when the session ends first', async () => {
    const clock = new ManualClock();
    const { client, broker } = await start({ clock });
    const watcher = await client('watcher');
    await watcher.subscribe('w', 1);
    const lost = await client('lost', {
      properties: { sessionExpiryInterval: 5 },
      will: text('ended', { properties: { willDelayInterval: 100 } }),
    });
    lost.destroy();
    while (broker.stats().connections > 1) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(5000);
    expect(await watcher.text()).toBe('ended');
    expect(broker.stats().sessions).toBe(1);
  });

  it('is not published on a topic its client may not use, and that is told', async () => {
    const { broker, client, events } = await start({
      authorizer: { mayPublish: (_, topic) => topic !== 'w', maySubscribe: () => true },
    });
    const lost = await client('lost', { will: text('no') });
    lost.destroy();
    while (broker.stats().connections > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(events.map((event) => event.type)).toContain('publish_refused');
    expect(broker.stats().delivered).toBe(0);
  });
});

describe('a second connection with the same client id', () => {
  it('takes over: the first is told 0x8E, its will goes out [MQTT-3.1.4-3]', async () => {
    const { client, broker } = await start();
    const watcher = await client('watcher');
    await watcher.subscribe('w', 1);
    const first = await client('twin', { will: text('first is gone') });
    const second = await client('twin');
    expect((await first.next('disconnect')).reasonCode).toBe(0x8e);
    await first.end();
    expect(await watcher.text()).toBe('first is gone');
    await second.settle();
    expect(broker.stats().connections).toBe(2);
  });

  it('gets the session and what was not acknowledged', async () => {
    const { client } = await start();
    const first = await client('twin', lasting);
    await first.subscribe('t', 1);
    const from = await client('from');
    from.publish('t', 'm', 1);
    expect(await first.text()).toBe('m');
    const second = await client('twin', resumed);
    expect(second.connack.sessionPresent).toBe(true);
    const again = await second.next('publish');
    expect([again.payload.toString(), again.dup]).toEqual(['m', true]);
  });
});

describe('a resumed session', () => {
  it('delivers what was queued at QoS 1 and 2 in order, with all properties and the expiry lowered', async () => {
    const clock = new ManualClock();
    const { client } = await start({ clock });
    const away = await client('away', lasting);
    away.send({
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: [{ topic: 't', qos: 2 }],
      properties: { subscriptionIdentifier: 77 },
    });
    await away.next('suback');
    await away.leave();
    const from = await client('from');
    const properties = {
      payloadFormatIndicator: true,
      contentType: 'text/plain',
      responseTopic: 'r',
      correlationData: Buffer.from([0, 1, 255]),
      userProperties: { k: ['a', 'b'] },
    };
    from.publish('t', 'one', 1, {
      messageId: 1,
      properties: { ...properties, messageExpiryInterval: 100 },
    });
    from.publish('t', 'two', 2, { messageId: 2 });
    from.publish('t', 'short-lived', 1, { messageId: 3, properties: { messageExpiryInterval: 20 } });
    from.publish('t', 'not kept', 0);
    await from.settle();
    clock.advance(30_000);
    const back = await client('away', resumed);
    expect(back.connack.sessionPresent).toBe(true);
    const one = await back.next('publish');
    expect([one.payload.toString(), one.qos, one.dup]).toEqual(['one', 1, false]);
    expect(one.properties).toEqual({
      ...properties,
      userProperties: { k: ['a', 'b'] },
      messageExpiryInterval: 70,
      subscriptionIdentifier: 77,
    });
    const two = await back.next('publish');
    expect([two.payload.toString(), two.qos]).toEqual(['two', 2]);
    await back.settle();
    expect(back.inbox).toEqual([]);
  });

  it('goes on with a QoS 2 exchange where it stopped: PUBREL again, not the message [MQTT-4.4.0-1]', async () => {
    const { client } = await start();
    const away = await client('away', lasting);
    await away.subscribe('t', 2);
    const from = await client('from');
    from.publish('t', 'm', 2);
    const { messageId } = await away.next('publish');
    away.send({ cmd: 'pubrec', messageId: messageId! });
    await away.next('pubrel');
    away.destroy();
    const back = await client('away', resumed);
    expect((await back.next('pubrel')).messageId).toBe(messageId);
    back.send({ cmd: 'pubcomp', messageId: messageId! });
    await back.settle();
    expect(back.inbox).toEqual([]);
  });

  it('ends with its expiry, with a clean start, and with DISCONNECT that sets it to 0', async () => {
    const clock = new ManualClock();
    const { broker, client } = await start({ clock });
    await (await client('a', { properties: { sessionExpiryInterval: 10 } })).leave();
    clock.advance(9_999);
    expect(broker.stats().sessions).toBe(1);
    clock.advance(1);
    expect(broker.stats().sessions).toBe(0);
    await (await client('a', lasting)).leave();
    expect((await client('a', lasting)).connack.sessionPresent).toBe(false);
    const b = await client('b', lasting);
    b.send({ cmd: 'disconnect', properties: { sessionExpiryInterval: 0 } });
    await b.end();
    expect(broker.stats().sessions).toBe(1);
  });

  it('cannot be prolonged at DISCONNECT when it was to end with the connection [MQTT-3.14.2-2]', async () => {
    const { client } = await start();
    const a = await client('a');
    a.send({ cmd: 'disconnect', properties: { sessionExpiryInterval: 5 } });
    expect((await a.next('disconnect')).reasonCode).toBe(0x82);
  });

  it('of 3.1.1 is kept without clean session, and an empty client id needs a clean one', async () => {
    const { client, open } = await start();
    await (await client('old', { version: 4, clean: false })).leave();
    const back = await client('old', { version: 4, clean: false });
    expect(back.connack.sessionPresent).toBe(true);
    const nameless = open(4);
    nameless.raw(Buffer.from([0x10, 12, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 0, 0, 0, 0, 0]));
    expect((await nameless.next('connack')).returnCode).toBe(2);
    await nameless.end();
    expect((await client('', { version: 4, clean: true })).connack.returnCode).toBe(0);
    expect((await client('')).connack.properties?.assignedClientIdentifier).toMatch(/^auto-/);
  });
});

describe('retained messages', () => {
  it('come with a new subscription, flagged, until they are cleared or expire', async () => {
    const clock = new ManualClock();
    const { broker, client } = await start({ clock });
    const from = await client('from');
    from.publish('r/1', 'one', 1, { retain: true });
    from.publish('r/2', 'two', 1, { retain: true, properties: { messageExpiryInterval: 10 } });
    await from.next('puback');
    await from.next('puback');
    const a = await client('a');
    await a.subscribe('r/+');
    expect((await a.next('publish')).retain).toBe(true);
    expect((await a.next('publish')).properties?.messageExpiryInterval).toBe(10);
    clock.advance(10_000);
    from.publish('r/3', 'three', 1, { retain: true });
    from.publish('r/1', '', 1, { retain: true });
    await from.next('puback');
    await from.next('puback');
    const b = await client('b');
    await b.subscribe('r/#');
    expect(await b.text()).toBe('three');
    await b.settle();
    expect(b.inbox).toEqual([]);
    expect(broker.stats().retained).toBe(1);
  });

  it('follow retain handling 1 and 2 and retain as published (3.8.3.1)', async () => {
    const { client } = await start();
    const from = await client('from');
    from.publish('r', 'kept', 1, { retain: true });
    await from.next('puback');
    const a = await client('a');
    await a.subscribe('r', 0, { rh: 2 });
    await a.subscribe('r', 0, { rh: 1, rap: true });
    await a.settle();
    expect(a.inbox).toEqual([]);
    from.publish('r', 'live', 0, { retain: true });
    expect((await a.next('publish')).retain).toBe(true);
    await a.subscribe('r');
    expect((await a.next('publish')).payload.toString()).toBe('live');
    from.publish('r', 'plain', 0, { retain: true });
    expect((await a.next('publish')).retain).toBe(false);
  });
});

describe('subscriptions', () => {
  it('combine to one message with the highest QoS and every identifier (3.3.4)', async () => {
    const { client } = await start();
    const a = await client('a');
    for (const [topic, qos, id] of [
      ['x/#', 0, 1],
      ['x/+', 2, 2],
    ] as const) {
      const properties = { subscriptionIdentifier: id };
      a.send({ cmd: 'subscribe', messageId: id, subscriptions: [{ topic, qos }], properties });
      await a.next('suback');
    }
    a.publish('x/y', 'm', 1);
    const got = await a.next('publish');
    expect(got.qos).toBe(1);
    expect([got.properties?.subscriptionIdentifier].flat().sort()).toEqual([1, 2]);
    await a.settle();
    expect(a.inbox.filter((packet) => packet.cmd === 'publish')).toEqual([]);
  });

  it('with no local do not bring back the own message; shared and no local is a protocol error', async () => {
    const { client } = await start();
    const a = await client('a');
    await a.subscribe('x', 0, { nl: true });
    a.publish('x', 'mine');
    await a.settle();
    expect(a.inbox).toEqual([]);
    const b = await client('b');
    b.publish('x', 'theirs');
    expect(await a.text()).toBe('theirs');
    a.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '$share/g/x', qos: 0, nl: true }] });
    expect((await a.next('disconnect')).reasonCode).toBe(0x82);
  });

  it('in a shared group take turns, and only those who are there (4.8.2)', async () => {
    const { client } = await start();
    const [a, b, away] = [await client('a'), await client('b'), await client('away', lasting)];
    for (const each of [a, b, away]) await each.subscribe('$share/g/x', 1);
    await away.leave();
    const from = await client('from');
    for (let id = 1; id <= 10; id++) {
      from.publish('x', `m${id}`, 1, { messageId: id });
      await from.next('puback');
    }
    await a.settle();
    await b.settle();
    const counts = [a, b].map((each) => each.inbox.filter((packet) => packet.cmd === 'publish').length);
    expect(counts).toEqual([5, 5]);
  });

  it('refuse malformed filters with 0x8F and say 0x11 for one that was not there', async () => {
    const { client } = await start();
    const a = await client('a');
    expect((await a.subscribe('a/#/b')).granted).toEqual([0x8f]);
    a.send({ cmd: 'unsubscribe', messageId: 4, unsubscriptions: ['nothing'] });
    expect((await a.next('unsuback')).granted).toEqual([0x11]);
  });

  it('use the aliases a client allows, and no more [MQTT-3.1.2-26]', async () => {
    const { client } = await start();
    const a = await client('a', { properties: { topicAliasMaximum: 1 } });
    await a.subscribe('#');
    const from = await client('from');
    from.publish('one', '1');
    from.publish('two', '2');
    from.publish('one', '3');
    const got = [await a.next('publish'), await a.next('publish'), await a.next('publish')];
    expect(got.map((packet) => [packet.topic, packet.properties?.topicAlias])).toEqual([
      ['one', 1],
      ['two', undefined],
      ['', 1],
    ]);
  });

  it('accept the aliases of a publisher, and close on one that is not known [MQTT-3.3.2-8]', async () => {
    const { client } = await start();
    const a = await client('a');
    await a.subscribe('long/topic');
    a.publish('long/topic', '1', 0, { properties: { topicAlias: 3 } });
    a.publish('', '2', 0, { properties: { topicAlias: 3 } });
    expect([await a.text(), await a.text()]).toEqual(['1', '2']);
    a.publish('x', '3', 0, { properties: { topicAlias: 60_000 } });
    expect((await a.next('disconnect')).reasonCode).toBe(0x94);
  });
});

it('packets behind CONNECT in one segment are handled when the client is known', async () => {
  let letIn = () => {};
  const asked = new Promise<void>((resolve) => {
    letIn = resolve;
  });
  const test = await start({
    authenticator: {
      authenticate: async ({ clientId }) => {
        await asked;
        const principal = {
          clientId,
          tenant: '',
          certificateSerial: undefined,
          messagesPerMinuteAlert: 10,
        };
        return { ok: true, principal };
      },
    },
  });
  const eager = test.open();
  const connected = eager.connect('eager');
  eager.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 't', qos: 0 }] });
  eager.publish('t', 'at once');
  letIn();
  await connected;
  await eager.next('suback');
  expect(await eager.text()).toBe('at once');
});
