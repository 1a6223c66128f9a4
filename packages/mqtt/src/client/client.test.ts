import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger, systemClock, systemRandom } from '@millrace/foundation';
import { Mosquitto, makeCertificates, requirePeer, type TempDir, tempDir, waitFor } from '@millrace/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMqttClient, type MqttClient } from './client.js';
import type { MqttClientOptions, MqttInbound, PublishOutcome } from './options.js';

const plain = ['allow_anonymous true', 'max_inflight_messages 20'];

describe.skipIf(!requirePeer('mosquitto') || !requirePeer('openssl'))('the client against Mosquitto', () => {
  let folder: TempDir;
  const brokers: Mosquitto[] = [];
  const clients: MqttClient[] = [];

  beforeEach(() => {
    folder = tempDir('mqtt-client');
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.stop();
    for (const broker of brokers.splice(0)) await broker.kill();
    folder.remove();
  });

  async function broker(settings: readonly string[] = plain): Promise<Mosquitto> {
    const started = await Mosquitto.start(folder.path, settings);
    brokers.push(started);
    return started;
  }

  function client(url: string, clientId: string, more: Partial<MqttClientOptions> = {}): MqttClient {
    const made = createMqttClient({
      url,
      clientId,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      backoff: { firstMs: 50, maxMs: 200 },
      ...more,
    });
    clients.push(made);
    return made;
  }

  /** Publishes all texts as room allows and gives their outcomes. */
  async function publishAll(from: MqttClient, topic: string, texts: readonly string[], qos: 0 | 1 | 2) {
    const outcomes: PublishOutcome[] = [];
    let next = 0;
    await waitFor(() => {
      while (next < texts.length) {
        const handed = from.publish({ topic, payload: Buffer.from(texts[next]!), qos }, (outcome) => {
          outcomes.push(outcome);
        });
        if (!handed) break;
        next++;
      }
      return outcomes.length === texts.length;
    });
    return outcomes;
  }

  for (const protocolVersion of [4, 5] as const) {
    for (const qos of [0, 1, 2] as const) {
      it(`delivers every message in order at QoS ${qos}, protocol ${protocolVersion}`, async () => {
        const { port } = await broker();
        const seen: string[] = [];
        const consumer = client(`mqtt://127.0.0.1:${port}`, 'consumer', {
          protocolVersion,
          onMessage: (message) => {
            seen.push(message.payload.toString());
            message.ack();
          },
        });
        consumer.subscribe('t/#', qos);
        await consumer.start();
        const producer = client(`mqtt://127.0.0.1:${port}`, 'producer', { protocolVersion, inFlightMax: 20 });
        await producer.start();
        await waitFor(() => consumer.state === 'connected' && producer.state === 'connected');
        await waitFor(() => brokers[0]!.log.includes('Sending SUBACK'));
        const texts = Array.from({ length: 200 }, (_, i) => `m${i}`);
        const outcomes = await publishAll(producer, 't/x', texts, qos);
        expect(new Set(outcomes)).toEqual(new Set([0]));
        await waitFor(() => seen.length >= texts.length);
        expect(seen).toEqual(texts);
      });
    }
  }

  it('tells of every message in flight that was lost, and connects again by itself', async () => {
    const first = await broker();
    const reasons: string[] = [];
    const made = client(`mqtt://127.0.0.1:${first.port}`, 'c', {
      onDisconnected: (reason) => reasons.push(reason),
    });
    await made.start();
    await waitFor(() => made.state === 'connected');
    const outcomes: PublishOutcome[] = [];
    for (let i = 0; i < 10; i++)
      made.publish({ topic: 't', payload: Buffer.from('x'), qos: 1 }, (outcome) => outcomes.push(outcome));
    made.dropConnection();
    expect(outcomes).toEqual(Array.from({ length: 10 }, () => 'lost'));
    await waitFor(() => made.state === 'connected');
    await first.kill();
    await waitFor(() => reasons.some((reason) => reason.includes('nothing listens')));
    await first.restart();
    await waitFor(() => made.state === 'connected');
    expect(made.stats()).toMatchObject({ lost: 10, connects: 3 });
  });

  it('sends unacknowledged messages again in a kept session [MQTT-4.4.0-1]', async () => {
    const { port } = await broker();
    const seen: string[] = [];
    const consumer = client(`mqtt://127.0.0.1:${port}`, 'consumer', {
      onMessage: (message: MqttInbound) => {
        seen.push(message.payload.toString());
        message.ack();
      },
    });
    consumer.subscribe('t', 1);
    await consumer.start();
    await waitFor(() => brokers[0]!.log.includes('Sending SUBACK'));
    const producer = client(`mqtt://127.0.0.1:${port}`, 'p', { cleanStart: false, sessionExpiryS: 60 });
    await producer.start();
    await waitFor(() => producer.state === 'connected');
    const outcomes: PublishOutcome[] = [];
    producer.publish({ topic: 't', payload: Buffer.from('kept'), qos: 1 }, (outcome) =>
      outcomes.push(outcome),
    );
    producer.dropConnection();
    await waitFor(() => outcomes.length === 1);
    expect(outcomes).toEqual([0]);
    await waitFor(() => seen.includes('kept'));
  });

  it('leaves its will when it is cut off, and not when it stops', async () => {
    const { port } = await broker();
    const seen: string[] = [];
    const watcher = client(`mqtt://127.0.0.1:${port}`, 'w', {
      onMessage: (message) => seen.push(`${message.topic} ${message.payload}`),
    });
    watcher.subscribe('status/#', 0);
    await watcher.start();
    await waitFor(() => brokers[0]!.log.includes('Sending SUBACK'));
    const will = (name: string) => ({
      topic: `status/${name}`,
      payload: Buffer.from('off'),
      qos: 1 as const,
      retain: false,
    });
    const cut = client(`mqtt://127.0.0.1:${port}`, 'a', {
      will: will('a'),
      backoff: { firstMs: 60_000, maxMs: 60_000 },
    });
    const orderly = client(`mqtt://127.0.0.1:${port}`, 'b', { will: will('b') });
    await cut.start();
    await orderly.start();
    await waitFor(() => cut.state === 'connected' && orderly.state === 'connected');
    await orderly.stop();
    cut.dropConnection();
    await waitFor(() => seen.length > 0);
    expect(seen).toEqual(['status/a off']);
  });

  it('connects over TLS with its certificate, and says which side refused when it cannot', async () => {
    makeCertificates(folder.path, ['acme::GW-1']);
    const other = tempDir('mqtt-other-ca');
    makeCertificates(other.path, ['acme::GW-1']);
    const { port } = await broker(
      [
        'cafile ca.pem',
        'certfile broker.pem',
        'keyfile broker.key',
        'require_certificate true',
        'use_identity_as_username true',
      ].map((line) =>
        line.replace(/ (\S+\.(?:pem|key))$/, (_, file: string) => ` ${join(folder.path, file)}`),
      ),
    );
    const material = (from: string, certificates: string) => () => ({
      ca: readFileSync(join(from, 'ca.pem')),
      certificate: readFileSync(join(certificates, 'client0.pem')),
      key: readFileSync(join(certificates, 'client0.key')),
    });
    const url = `mqtts://127.0.0.1:${port}`;
    const good = client(url, 'acme::GW-1', { tls: material(folder.path, folder.path) });
    await good.start();
    await waitFor(() => good.state === 'connected');

    const distrusts = client(url, 'x', { tls: material(other.path, folder.path) });
    await distrusts.start();
    await waitFor(() => distrusts.stats().lastError?.includes("this side rejected the broker's certificate"));
    const foreign = client(url, 'y', { tls: material(folder.path, other.path) });
    await foreign.start();
    await waitFor(() => foreign.stats().lastError?.includes('the broker rejected our certificate'));
    const nameless = client(url, 'z', { tls: () => ({ ca: readFileSync(join(folder.path, 'ca.pem')) }) });
    await nameless.start();
    await waitFor(() => nameless.stats().lastError?.includes('asks for a client certificate'));
    expect(distrusts.stats().connects + foreign.stats().connects + nameless.stats().connects).toBe(0);
    other.remove();
  });

  it('says in a sentence when the broker refuses the login', async () => {
    const { port } = await broker(['allow_anonymous false']);
    const made = client(`mqtt://127.0.0.1:${port}`, 'c');
    await made.start();
    await waitFor(() => made.stats().lastError?.includes('not authorised'));
  });
});
