import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { peer, type RunResult, requirePeer, runProgram, waitFor } from '@millrace/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestPlant } from './support/plant.js';

interface DeadLetter {
  readonly id: string;
  readonly reason: string;
  readonly topic: string;
  readonly payload?: string;
}

const mosquittoPub =
  (peer('mosquitto') as { programs?: Record<string, string> }).programs?.mosquitto_pub ?? 'mosquitto_pub';
const branch = 'riverton-water/north-station/pumping/line-1/centrifugal-pump';

describe.skipIf(!requirePeer('mosquitto'))('foreign clients and bad input at the front door', () => {
  let plant: TestPlant;
  let own: string;
  let seq = 0;

  beforeAll(async () => {
    plant = await TestPlant.create();
    await plant.startAll();
    const place = ['--site', 'north-station', '--area', 'pumping', '--line', 'line-1'];
    await plant.mustCli('device', 'add', 'P-104', '--type', 'centrifugal_pump', ...place);
    own = join(plant.dataDir, 'p104');
    await plant.mustCli('certificate', 'issue', '--device', 'P-104', '--out', own);
  }, 180_000);
  afterAll(() => plant?.remove());

  function envelope(change: Record<string, unknown> = {}): string {
    seq++;
    return JSON.stringify({
      schema_version: '2.1',
      msg_id: ulid(),
      device_id: 'P-104',
      device_type: 'centrifugal_pump',
      ts: Date.now(),
      seq,
      d: { pressure_bar: { v: 4.2, q: 192 }, flow_m3h: { v: 120.5, q: 192 } },
      ...change,
    });
  }

  /** Publishes with the public client; `-V mqttv5` so that it learns the reason of a refusal. */
  function publish(
    topic: string,
    payload: string | Buffer,
    certificate: string | undefined = own,
  ): Promise<RunResult> {
    const file = join(plant.dataDir, `payload-${randomBytes(4).toString('hex')}`);
    writeFileSync(file, payload);
    const tls =
      certificate === undefined
        ? ['--cafile', join(own, 'ca.pem')]
        : [
            '--cafile',
            join(own, 'ca.pem'),
            '--cert',
            join(certificate, 'cert.pem'),
            '--key',
            join(certificate, 'key.pem'),
          ];
    const at = ['-h', '127.0.0.1', '-p', String(plant.plan.ports.mqtt)];
    const who = ['-V', 'mqttv5', '-i', 'riverton-water::P-104', '-q', '1', '-d'];
    return runProgram(mosquittoPub, [...at, ...tls, ...who, '-t', topic, '-f', file], { timeoutMs: 15_000 });
  }

  const deadLetters = async () =>
    (await plant.api<{ items: DeadLetter[] }>('/v1/dead-letters?limit=100')).items;

  async function deadLetterCounter(reason: string): Promise<number> {
    const base = `http://127.0.0.1:${plant.plan.ports.console}/metrics`;
    const text = await (await fetch(base)).text();
    const line = text.split('\n').find((l) => /dead_letter/.test(l) && l.includes(`reason="${reason}"`));
    return line === undefined ? 0 : Number(line.split(' ').at(-1));
  }

  test('a device with its certificate publishes with mosquitto_pub and is stored', async () => {
    const result = await publish(`${branch}/P-104/telemetry`, envelope());
    expect(result.code, result.stderr).toBe(0);
    const stored = await plant.api<{ latest: Record<string, { v: number }> }>('/v1/devices/P-104');
    expect(stored.latest.pressure_bar?.v).toBeCloseTo(4.2);
  });

  test("the same client on another device's topic is refused, and logged with its certificate's serial", async () => {
    const topic = `${branch}/P-101/telemetry`;
    const result = await publish(topic, envelope());
    expect(`${result.stdout}${result.stderr}`).toMatch(/RC:?\s*135|not authori[sz]ed/i);
    const serial = (
      await runProgram('openssl', ['x509', '-in', join(own, 'cert.pem'), '-noout', '-serial'])
    ).stdout
      .trim()
      .replace('serial=', '')
      .toLowerCase();
    const line = await plant.running
      .get('platform')
      ?.waitForLine((l) => l.includes(topic) && l.includes(serial), 5_000);
    expect(line).toMatch(/refused/i);
  });

  test('without a certificate there is no connection', async () => {
    const result = await publish(`${branch}/P-104/telemetry`, envelope(), '');
    expect(result.code).not.toBe(0);
  });

  const cases: readonly [string, string, () => string | Buffer][] = [
    ['malformed JSON', 'malformed_payload', () => '{"schema_version": "2.1", "d": {'],
    ['wrong types', 'schema_violation', () => envelope({ d: { pressure_bar: { v: 'high', q: 192 } } })],
    ['an unknown version', 'unknown_schema_version', () => envelope({ schema_version: '9.9' })],
    ['a 10 MB payload', 'payload_too_large', () => Buffer.alloc(10 * 1024 * 1024, 0x20)],
    ['a clock in 1970', 'timestamp_implausible', () => envelope({ ts: 1_000_000 })],
    ['an unknown device', 'unknown_device|device_mismatch', () => envelope({ device_id: 'P-999' })],
  ];
  test.each(cases)(
    '%s becomes a dead letter, the counter moves, the stream goes on',
    async (_name, reasons, payload) => {
      const before = new Set((await deadLetters()).map((letter) => letter.id));
      const result = await publish(`${branch}/P-104/telemetry`, payload());
      expect(result.code, result.stderr).toBe(0);
      const letter = await waitFor(async () => (await deadLetters()).find((item) => !before.has(item.id)), {
        timeoutMs: 5_000,
        what: 'the dead letter',
      });
      expect(letter.reason).toMatch(new RegExp(`^(${reasons})`));
      const whole = await plant.api<DeadLetter>(`/v1/dead-letters/${letter.id}`);
      expect(whole.payload?.length ?? 0).toBeGreaterThan(0);
      expect(await deadLetterCounter(letter.reason)).toBeGreaterThan(0);
      const good = await publish(`${branch}/P-104/telemetry`, envelope());
      expect(good.code).toBe(0);
    },
  );

  test('the gateway streamed on all the while', async () => {
    const device = await plant.api<{ state: string; last_seen: string }>('/v1/devices/P-101');
    expect(device.state).toBe('online');
    expect(Date.now() - Date.parse(device.last_seen)).toBeLessThan(10_000);
  });
});

let last = 0;
/** A ULID (Crockford base 32: 48 bits of time, 80 of randomness), made here so that the product's own is not trusted. */
function ulid(): string {
  const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
  let time = Math.max(Date.now(), last);
  last = time;
  let head = '';
  for (let i = 0; i < 10; i++) {
    head = alphabet[time % 32] + head;
    time = Math.floor(time / 32);
  }
  return head + [...randomBytes(16)].map((byte) => alphabet[byte % 32]).join('');
}
