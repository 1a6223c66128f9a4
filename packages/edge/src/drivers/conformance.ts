import { Quality } from '@millrace/contracts';
import { silentLogger, systemClock, systemRandom } from '@millrace/foundation';
import { waitFor } from '@millrace/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DriverConfig } from '../config/declaration.js';
import { checkGatewayConfig } from '../config/load.js';
import { sampleConfigText } from '../peer.js';
import type { Driver, DriverModule, DriverState, RawValue } from './driver.js';
import { driverModules } from './registry.generated.js';

/** A foreign device that a driver reads. It serves P-101's `power_kw`, and can misbehave. */
export interface DevicePeer {
  /** Listens on the same address every time. */
  start(): Promise<void>;
  /** Dies as a power cut would: without a word to its clients. */
  kill(): Promise<void>;
  set(value: number): Promise<void>;
  /** Answers later than the driver waits, until set to 0. */
  slow?(delayMs: number): Promise<void>;
  /** Answers with what is no valid answer, until switched off. */
  garble?(on: boolean): Promise<void>;
  /** Text of the driver's configuration, with P-101's `power_kw`. */
  driverText(): string;
  /** What the driver gives for `set(value)`. */
  raw(value: number): RawValue;
}

export interface Capabilities {
  readonly slow: boolean;
  readonly garble: boolean;
  /** Longest time, ms, between a device's death and the bad quality of its tags. */
  readonly badWithinMs: number;
}

interface Seen {
  readonly value: RawValue;
  readonly quality: number;
  readonly sourceTsMs: number;
}

/** Every driver passes this suite, against a device that is not our own code. */
export function driverConformance(
  name: string,
  capabilities: Capabilities,
  makePeer: () => Promise<DevicePeer>,
): void {
  describe(`driver conformance: ${name}`, () => {
    let peer: DevicePeer;
    let driver: Driver;
    let seen: Seen[];
    let states: DriverState[];

    beforeEach(async () => {
      peer = await makePeer();
      seen = [];
      states = [];
      driver = await makeDriver(peer, seen, states);
    });
    afterEach(async () => {
      await driver.stop();
      await peer.kill();
    });

    const last = () => seen.at(-1);
    const good = (value: number) => () =>
      last()?.quality === Quality.good && last()?.value === peer.raw(value);

    it('a driver MUST start without its device, mark its tags bad, and read when the device appears', async () => {
      await driver.start();
      await waitFor(() => last()?.quality === Quality.badDeviceFailure);
      expect(last()?.value).toBeNull();
      await peer.start();
      await peer.set(21);
      await waitFor(good(21));
      expect(states.at(-1)).toBe('connected');
    });

    it('a driver MUST follow the values, with a time stamp of now', async () => {
      await peer.start();
      await peer.set(1);
      await driver.start();
      await waitFor(good(1));
      await peer.set(2);
      await waitFor(good(2));
      expect(Math.abs(last()!.sourceTsMs - systemClock.nowMs())).toBeLessThan(5000);
    });

    it('a driver MUST mark samples bad (24) without a value when the device dies, and good when it is back', async () => {
      await peer.start();
      await peer.set(3);
      await driver.start();
      await waitFor(good(3));
      const died = systemClock.monotonicMs();
      await peer.kill();
      await waitFor(() => last()?.quality === Quality.badDeviceFailure);
      expect(systemClock.monotonicMs() - died).toBeLessThan(capabilities.badWithinMs);
      expect(last()?.value).toBeNull();
      await waitFor(() => states.at(-1) === 'disconnected');
      await peer.start();
      await peer.set(4);
      await waitFor(good(4));
    });

    it('a driver MUST stop in the middle of anything, at once, and emit nothing afterwards', async () => {
      await peer.start();
      await peer.set(5);
      await driver.start();
      await waitFor(good(5));
      await peer.kill();
      await driver.stop();
      await driver.stop();
      const count = seen.length;
      await peer.start();
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(seen.length).toBe(count);
    });

    it.skipIf(!capabilities.slow)(
      'a driver MUST mark samples bad when the device is too slow, and recover',
      async () => {
        await peer.start();
        await peer.set(6);
        await driver.start();
        await waitFor(good(6));
        await peer.slow!(2000);
        await waitFor(() => last()?.quality === Quality.badDeviceFailure);
        await peer.slow!(0);
        await peer.set(7);
        await waitFor(good(7));
      },
    );

    it.skipIf(!capabilities.garble)('a driver MUST NOT take a wrong answer for a value', async () => {
      await peer.start();
      await peer.set(8);
      await driver.start();
      await waitFor(good(8));
      await peer.garble!(true);
      await waitFor(() => last()?.quality === Quality.badDeviceFailure);
      await peer.garble!(false);
      await peer.set(9);
      await waitFor(good(9));
      const values = new Set(seen.filter((sample) => sample.value !== null).map((sample) => sample.value));
      expect([...values].every((value) => [8, 9].some((known) => peer.raw(known) === value))).toBe(true);
    });
  });
}

async function makeDriver(peer: DevicePeer, seen: Seen[], states: DriverState[]): Promise<Driver> {
  const { config, plan } = checkGatewayConfig(
    sampleConfigText({ drivers: peer.driverText() }),
    '/nowhere/gateway.yaml',
  );
  const [name, driverConfig] = Object.entries(config.drivers)[0]!;
  const module = (await driverModules[driverConfig.type]()) as DriverModule<DriverConfig>;
  return module.createDriver({
    name,
    config: driverConfig,
    tags: plan.tags,
    find: (deviceId, tag) => plan.tags.find((p) => p.name === tag && p.device.address.deviceId === deviceId)!,
    gatewayName: 'acme::GW-01',
    resolvePath: (path) => path,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    emit: (batch) => {
      for (let i = 0; i < batch.length; i++) {
        seen.push({
          value: batch.values[i]!,
          quality: batch.qualities[i]!,
          sourceTsMs: batch.sourceTsMs[i]!,
        });
      }
    },
    onState: (state) => states.push(state),
  });
}
