import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { Quality } from '@millrace/contracts';
import { silentLogger, systemClock, systemRandom } from '@millrace/foundation';
import { waitFor } from '@millrace/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { checkGatewayConfig } from '../../config/load.js';
import { sampleConfigText } from '../../peer.js';
import type { Driver, DriverState } from '../driver.js';
import { createDriver } from './driver.js';

interface Request {
  readonly unit: number;
  readonly functionCode: number;
  readonly address: number;
  readonly count: number;
  readonly atMs: number;
}

/** A server that answers by a script, to see exactly what was asked. */
class ScriptedServer {
  readonly requests: Request[] = [];
  readonly #answer: (request: Request) => Buffer | 'silent' | number;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  port = 0;

  constructor(answer: (request: Request) => Buffer | 'silent' | number) {
    this.#answer = answer;
  }

  async start(): Promise<void> {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('data', (bytes: Buffer) => {
        for (let at = 0; at + 12 <= bytes.length; at += 12)
          this.#onRequest(socket, bytes.subarray(at, at + 12));
      });
    });
    await new Promise<void>((resolve) => this.#server!.listen(0, '127.0.0.1', resolve));
    this.port = (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server!.close(resolve));
  }

  #onRequest(socket: Socket, frame: Buffer): void {
    const request = {
      unit: frame[6]!,
      functionCode: frame[7]!,
      address: frame.readUInt16BE(8),
      count: frame.readUInt16BE(10),
      atMs: performance.now(),
    };
    this.requests.push(request);
    const answer = this.#answer(request);
    if (answer === 'silent') return;
    const pdu =
      typeof answer === 'number'
        ? Buffer.from([request.functionCode | 0x80, answer])
        : Buffer.concat([Buffer.from([request.functionCode, answer.length]), answer]);
    const head = Buffer.from([frame[0]!, frame[1]!, 0, 0, 0, pdu.length + 1, request.unit]);
    socket.write(Buffer.concat([head, pdu]));
  }
}

interface Seen {
  readonly key: string;
  readonly value: unknown;
  readonly quality: number;
}

describe('the Modbus TCP driver', () => {
  let server: ScriptedServer;
  let driver: Driver;
  let seen: Seen[];
  let states: (readonly [DriverState, string | undefined])[];

  afterEach(async () => {
    await driver.stop();
    await server.stop();
  });

  async function run(
    answer: (request: Request) => Buffer | 'silent' | number,
    settings: string,
    devices: string,
  ) {
    server = new ScriptedServer(answer);
    await server.start();
    const drivers = `  plc:\n    type: modbus-tcp\n    host: 127.0.0.1\n    port: ${server.port}\n${settings}    devices:\n${devices}`;
    const { config, plan } = checkGatewayConfig(sampleConfigText({ drivers }), '/nowhere/gateway.yaml');
    const driverConfig = config.drivers.plc;
    if (driverConfig?.type !== 'modbus-tcp') throw new TypeError('the test configures a Modbus driver');
    seen = [];
    states = [];
    driver = createDriver({
      name: 'plc',
      config: driverConfig,
      tags: plan.tags,
      find: (deviceId, tag) =>
        plan.tags.find((p) => p.name === tag && p.device.address.deviceId === deviceId)!,
      gatewayName: 'acme::GW-01',
      resolvePath: (path) => path,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      emit: (batch) => {
        for (let i = 0; i < batch.length; i++) {
          const tag = batch.tags[i]!;
          seen.push({
            key: `${tag.device.address.deviceId}/${tag.name}`,
            value: batch.values[i],
            quality: batch.qualities[i]!,
          });
        }
      },
      onState: (state, reason) => states.push([state, reason]),
    });
    await driver.start();
  }

  const zeros = ({ count }: Request) => Buffer.alloc(count * 2);

  it('a dead unit MUST NOT starve the others behind the same server', async () => {
    await run(
      (request) => (request.unit === 2 ? 'silent' : zeros(request)),
      '    addresses: 0-based\n    poll_ms: 100\n    in_flight: 1\n    timeout_ms: 100\n    dead_poll_ms_max: 2000\n',
      '      P-101: { unit: 1, tags: { power_kw: { table: holding, address: 0 } } }\n      P-102: { unit: 2, tags: { power_kw: { table: holding, address: 0 } } }\n',
    );
    await waitFor(() =>
      seen.some(({ key, quality }) => key === 'P-102/power_kw' && quality === Quality.badDeviceFailure),
    );
    const from = seen.length;
    await waitFor(() => seen.slice(from).filter(({ key }) => key === 'P-101/power_kw').length >= 10, {
      timeoutMs: 3000,
    });
    const mine = seen.slice(from).filter(({ key }) => key === 'P-101/power_kw');
    expect(mine.every(({ quality }) => quality === Quality.good)).toBe(true);
    expect(states.at(-1)?.[0]).toBe('degraded');
  });

  it('tries three times, 50 ms apart, each as long as the time-out, before the tags turn bad', async () => {
    await run(
      () => 'silent',
      '    addresses: 0-based\n    poll_ms: 5000\n',
      '      P-101: { tags: { power_kw: { table: holding, address: 0 } } }\n',
    );
    await waitFor(() => seen.length === 1);
    expect(seen[0]).toMatchObject({ value: null, quality: Quality.badDeviceFailure });
    expect(server.requests.length).toBe(3);
    for (const i of [1, 2]) {
      const gap = server.requests[i]!.atMs - server.requests[i - 1]!.atMs;
      expect(gap).toBeGreaterThanOrEqual(245);
    }
  });

  it('reads neighbours in one request and counts addresses as stated', async () => {
    await run(
      (request) =>
        Buffer.from(Array.from({ length: request.count }, (_, i) => [0, request.address + i]).flat()),
      '    addresses: 1-based\n    poll_ms: 5000\n',
      '      P-101: { tags: { power_kw: { table: holding, address: 5 }, speed_rpm: { table: holding, address: 9 }, flow_m3h: { table: holding, address: 60 } } }\n',
    );
    await waitFor(() => seen.length === 3);
    const asked = server.requests.map(({ functionCode, address, count }) => [functionCode, address, count]);
    expect(asked).toEqual([
      [3, 4, 5],
      [3, 59, 1],
    ]);
    expect(seen.map(({ key, value }) => [key, value])).toEqual([
      ['P-101/power_kw', 4],
      ['P-101/speed_rpm', 8],
      ['P-101/flow_m3h', 59],
    ]);
  });

  it('reads tags one by one when the device refuses the addresses in between', async () => {
    await run(
      (request) => (request.count > 1 ? 2 : Buffer.from([0, request.address])),
      '    addresses: 0-based\n    poll_ms: 50\n',
      '      P-101: { tags: { power_kw: { table: input, address: 3 }, speed_rpm: { table: input, address: 5 } } }\n',
    );
    await waitFor(() => seen.filter(({ quality }) => quality === Quality.good).length >= 2);
    const good = seen.filter(({ quality }) => quality === Quality.good).slice(0, 2);
    expect(good.map(({ value }) => value)).toEqual([3, 5]);
    expect(server.requests[0]).toMatchObject({ functionCode: 4, address: 3, count: 3 });
  });

  it('tells when over 5 % of the requests fail', async () => {
    let n = 0;
    await run(
      (request) => (n++ % 8 === 0 ? 4 : zeros(request)),
      '    addresses: 0-based\n    poll_ms: 20\n    tries: 1\n',
      '      P-101: { tags: { power_kw: { table: holding, address: 0 } } }\n',
    );
    await waitFor(() => states.some(([state, reason]) => state === 'degraded' && reason?.includes('% of')));
  });
});
