import { join } from 'node:path';
import type { Envelope, EventEnvelope, StatusMessage } from '@millrace/contracts';
import { silentLogger, systemClock, systemRandom } from '@millrace/foundation';
import { createMqttClient, type MqttClient } from '@millrace/mqtt';
import {
  freePort,
  Mosquitto,
  makeCertificates,
  requirePeer,
  type TempDir,
  tempDir,
  waitFor,
} from '@millrace/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkGatewayConfig } from './config/load.js';
import { modbusSerialPeer } from './drivers/modbus-tcp/peer.js';
import { createGateway, type Gateway } from './gateway.js';
import { sampleConfigText } from './peer.js';

/** Everything that reached the broker, in order. */
class Listener {
  readonly telemetry: Envelope[] = [];
  readonly events: EventEnvelope[] = [];
  readonly status: StatusMessage[] = [];
  readonly client: MqttClient;

  constructor(port: number) {
    this.client = createMqttClient({
      url: `mqtt://127.0.0.1:${port}`,
      clientId: 'listener',
      cleanStart: false,
      sessionExpiryS: 600,
      backoff: { firstMs: 20, maxMs: 50 },
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      onMessage: (message) => {
        const topicClass = message.topic.split('/')[6];
        const body = JSON.parse(message.payload.toString()) as Envelope & EventEnvelope & StatusMessage;
        if (topicClass === 'telemetry') this.telemetry.push(body);
        else if (topicClass === 'events') this.events.push(body);
        else this.status.push(body);
        message.ack();
      },
    });
    this.client.subscribe('acme/#', 1);
  }

  /** Numbers of a device, each once, in the order of their first arrival. */
  seqs(deviceId: string): number[] {
    return [...new Set(this.telemetry.filter((m) => m.device_id === deviceId).map((m) => m.seq))];
  }
}

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

describe.skipIf(!requirePeer('mosquitto'))('a gateway between a Modbus server and Mosquitto', () => {
  let folder: TempDir;
  const cleanup: (() => Promise<unknown>)[] = [];

  beforeEach(() => {
    folder = tempDir('gateway');
  });
  afterEach(async () => {
    for (const end of cleanup.splice(0).reverse()) await end();
    folder.remove();
  });

  function gatewayFor(uplink: string, driverText: string): Gateway {
    const configFile = join(folder.path, 'gateway.yaml');
    const drivers = driverText.replace('data: uint16', 'data: uint16, deadband: { absolute: 0 }');
    const { config } = checkGatewayConfig(sampleConfigText({ uplink, drivers }), configFile);
    const gateway = createGateway({
      config,
      configFile,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
    });
    cleanup.push(() => gateway.stop());
    return gateway;
  }

  it('buffers without a platform, delivers in order, survives the broker, and goes on counting after a restart', async () => {
    const device = await modbusSerialPeer();
    await device.start();
    cleanup.push(() => device.kill());
    let value = 1;
    const changing = setInterval(() => void device.set(value++ % 900), 20);
    cleanup.push(async () => clearInterval(changing));
    const broker = await Mosquitto.start(folder.path, [
      'allow_anonymous true',
      'persistence true',
      `persistence_location ${folder.path}/`,
      'autosave_interval 1',
      'autosave_on_changes true',
    ]);
    cleanup.push(() => broker.kill());
    await broker.kill();
    const uplink = `{ url: mqtt://127.0.0.1:${broker.port}, backoff_s_first: 0.05, backoff_s_max: 0.1 }`;
    const gateway = gatewayFor(uplink, device.driverText());
    await gateway.start();
    await waitFor(() => gateway.status().outbox.unsent > 8);

    const listener = new Listener(broker.port);
    await broker.restart();
    await listener.client.start();
    cleanup.push(() => listener.client.stop());
    await waitFor(() => listener.client.state === 'connected');
    await waitFor(() => gateway.status().outbox.unsent === 0 && listener.seqs('P-101').length > 8);
    const first = listener.events.find(({ event }) => event.type === 'gateway_started');
    expect(first?.event).toMatchObject({ previous: 'first_start' });

    await broker.kill();
    await waitFor(() => gateway.status().outbox.unsent > 5);
    await broker.restart();
    await waitFor(() => gateway.status().outbox.unsent === 0);
    await waitFor(() => listener.events.some(({ event }) => event.type === 'uplink_restored'));
    await gateway.stop();
    expect(gateway.status().outbox.unsent).toBe(0);
    await waitFor(() => listener.status.at(-1)?.reason === 'stopped');

    const again = gatewayFor(uplink, device.driverText());
    const before = listener.seqs('P-101').length;
    await again.start();
    await waitFor(() => listener.seqs('P-101').length > before + 3);
    await again.stop();
    await waitFor(
      () => listener.events.filter(({ event }) => event.type === 'gateway_stopping').length === 2,
    );
    expect(listener.seqs('P-101')).toEqual(upTo(listener.seqs('P-101').length));
    const restarted = listener.events.filter(({ event }) => event.type === 'gateway_started').at(-1);
    expect(restarted?.event).toMatchObject({ previous: 'orderly' });
    const epochs = new Set(listener.telemetry.map((message) => message.meta?.epoch));
    expect(epochs.size).toBe(1);
    expect(listener.status.some((message) => message.online)).toBe(true);
  });

  it('shows a dead device as bad within its polls, and tells its health', async () => {
    const device = await modbusSerialPeer();
    await device.start();
    await device.set(42);
    cleanup.push(() => device.kill());
    const broker = await Mosquitto.start(folder.path, ['allow_anonymous true']);
    cleanup.push(() => broker.kill());
    const listener = new Listener(broker.port);
    await listener.client.start();
    cleanup.push(() => listener.client.stop());
    await waitFor(() => broker.log.includes('Sending SUBACK'));
    const gateway = gatewayFor(`{ url: mqtt://127.0.0.1:${broker.port} }`, device.driverText());
    await gateway.start();
    await waitFor(() => listener.telemetry.some((m) => m.d.power_kw?.v === 42 && m.d.power_kw.q === 192));
    const died = systemClock.monotonicMs();
    await device.kill();
    await waitFor(() => listener.telemetry.some((m) => m.d.power_kw?.q === 24 && m.d.power_kw.v === null));
    expect(systemClock.monotonicMs() - died).toBeLessThan(3000);
    const health = listener.telemetry.find((message) => message.device_id === 'GW-01');
    expect(health?.d.uptime_s?.q).toBe(192);
    expect(gateway.metricsText()).toMatch(/millrace_edge_uplink_connected 1\n/);
    expect(gateway.status().tags[0]).toMatchObject({ device_id: 'P-101', tag: 'power_kw' });
  });

  it.skipIf(!requirePeer('openssl'))('connects over TLS as the name in its certificate', async () => {
    makeCertificates(folder.path, ['acme::GW-01']);
    const at = (file: string) => join(folder.path, file);
    const broker = await Mosquitto.start(folder.path, [
      `cafile ${at('ca.pem')}`,
      `certfile ${at('broker.pem')}`,
      `keyfile ${at('broker.key')}`,
      'require_certificate true',
      'use_identity_as_username true',
    ]);
    cleanup.push(() => broker.kill());
    const uplink = `{ url: mqtts://127.0.0.1:${broker.port}, ca: ca.pem, certificate: client0.pem, key: client0.key }`;
    const dead = `  plc:\n    type: modbus-tcp\n    host: 127.0.0.1\n    port: ${await freePort()}\n    addresses: 0-based\n    devices: {}\n`;
    const gateway = gatewayFor(uplink, dead);
    await gateway.start();
    await waitFor(() => gateway.status().uplink.state === 'connected');
    await waitFor(() => gateway.status().outbox.unsent === 0);
    expect(broker.log).toContain("u'acme::GW-01'");
  });
});
