import { get } from 'node:http';
import { socketPath } from '@millrace/cli';
import {
  freePort,
  type ProductProcess,
  peer,
  requirePeer,
  runProgram,
  startProduct,
  startProgram,
  type TempDir,
  tempDir,
  waitFor,
} from '@millrace/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const programs = (peer('mosquitto') as { programs?: Record<string, string> }).programs ?? {};
const pub = programs['mosquitto_pub'] ?? 'mosquitto_pub';
const sub = programs['mosquitto_sub'] ?? 'mosquitto_sub';

describe.skipIf(!requirePeer('mosquitto'))('millrace broker, alone, with the public clients', () => {
  let dir: TempDir;
  let broker: ProductProcess;
  let port: string;
  beforeAll(async () => {
    dir = tempDir('broker');
    port = String(await freePort());
    const listen = ['--listen', `mqtt://127.0.0.1:${port}`, '--allow-anonymous'];
    broker = startProduct(['broker', ...listen, '--deny-subscribe', 'test/nosubscribe', '--data', dir.path], {
      env: { MILLRACE_BUILD_CHECK: 'off' },
    });
    await broker.waitForLine(/"msg":"ready"/);
  });
  afterAll(async () => {
    await broker?.stop();
    dir.remove();
  });

  function subscriptions(): Promise<number> {
    return new Promise((resolve, reject) => {
      const at = { socketPath: socketPath(dir.path, 'broker'), path: '/status' };
      get(at, (response) => {
        response.on('data', (chunk: Buffer) => {
          resolve((JSON.parse(chunk.toString()) as { subscriptions: number }).subscriptions);
        });
      }).on('error', reject);
    });
  }

  test.each(['mqttv311', 'mqttv5'])(
    '%s: a message reaches its subscriber at QoS 0, 1 and 2',
    async (version) => {
      const at = ['-V', version, '-h', '127.0.0.1', '-p', port];
      const subscriber = startProgram(sub, [...at, '-t', `${version}/#`, '-q', '2', '-C', '3', '-v']);
      // Its own output is buffered while it runs, so the broker is asked.
      await waitFor(async () => (await subscriptions()) > 0, { what: 'the subscription' });
      for (const qos of ['0', '1', '2']) {
        const result = await runProgram(pub, [...at, '-t', `${version}/a`, '-m', `qos ${qos}`, '-q', qos]);
        expect(result.code, result.stderr).toBe(0);
      }
      const { code, stdout } = await subscriber.exited(10_000);
      expect(code).toBe(0);
      expect(stdout.split('\n').filter((line) => line.startsWith(`${version}/a`))).toEqual(
        ['0', '1', '2'].map((qos) => `${version}/a qos ${qos}`),
      );
    },
  );

  test('a denied filter is refused', async () => {
    const at = ['-V', 'mqttv5', '-h', '127.0.0.1', '-p', port];
    const result = await runProgram(sub, [...at, '-t', 'test/nosubscribe', '-W', '3']);
    expect(`${result.stdout}${result.stderr}`).toMatch(/denied/);
  });
});
