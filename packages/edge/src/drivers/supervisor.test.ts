import type { GatewayEvent } from '@millrace/contracts';
import { seededRandom, silentLogger } from '@millrace/foundation';
import { ManualClock } from '@millrace/testing';
import { describe, expect, it } from 'vitest';
import { checkGatewayConfig } from '../config/load.js';
import { sampleConfigText } from '../peer.js';
import type { Driver, DriverContext } from './driver.js';
import { DriverSupervisor } from './supervisor.js';

/** A driver whose sign of life the test decides. */
class Puppet implements Driver {
  aliveAtMs = 0;
  stopped = false;
  hangs = false;
  readonly context: DriverContext<unknown>;

  constructor(context: DriverContext<unknown>) {
    this.context = context;
    this.aliveAtMs = context.clock.monotonicMs();
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    this.stopped = true;
    if (this.hangs) await new Promise(() => {});
  }

  stats() {
    const { aliveAtMs } = this;
    return {
      state: 'connected' as const,
      requests: 10,
      failures: 1,
      samples: 5,
      aliveAtMs,
      aliveEveryMs: 1000,
    };
  }
}

function supervise(make: (context: DriverContext<unknown>) => Puppet) {
  const clock = new ManualClock();
  const { config, plan } = checkGatewayConfig(sampleConfigText(), '/nowhere/gateway.yaml');
  const events: GatewayEvent[] = [];
  const supervisor = new DriverSupervisor({
    name: 'plc',
    config: config.drivers.plc!,
    tags: plan.tags,
    gatewayName: 'acme::GW-01',
    resolvePath: (path) => path,
    clock,
    random: seededRandom(1),
    logger: silentLogger,
    emit: () => {},
    onEvent: (event) => events.push(event),
    load: async () => ({ createDriver: make }),
  });
  return { clock, supervisor, events };
}

describe('the supervisor of a driver', () => {
  it('restarts a stuck driver, even one that hangs while stopping, and keeps its counts', async () => {
    const made: Puppet[] = [];
    const { clock, supervisor } = supervise((context) => {
      const puppet = new Puppet(context);
      puppet.hangs = made.length === 0;
      made.push(puppet);
      return puppet;
    });
    await supervisor.start();
    await clock.advanceAsync(29_000);
    expect(made).toHaveLength(1);
    await clock.advanceAsync(20_000);
    expect(made).toHaveLength(2);
    expect(made[0]!.stopped).toBe(true);
    expect(supervisor.status()).toMatchObject({ restarts: 1, requests: 20, failures: 2 });
    await supervisor.stop();
    expect(clock.pendingTimers).toBe(0);
  });

  it('leaves a driver alone that gives signs of life', async () => {
    const made: Puppet[] = [];
    const { clock, supervisor } = supervise((context) => {
      made.push(new Puppet(context));
      return made.at(-1)!;
    });
    await supervisor.start();
    for (let i = 0; i < 20; i++) {
      await clock.advanceAsync(5000);
      made[0]!.aliveAtMs = clock.monotonicMs();
    }
    expect(made).toHaveLength(1);
    await supervisor.stop();
  });

  it('tries again when a driver cannot start, and says why in an event', async () => {
    let attempts = 0;
    const { clock, supervisor, events } = supervise((context) => {
      if (++attempts < 3) throw new Error('its key is not a key');
      return new Puppet(context);
    });
    await supervisor.start();
    expect(events).toEqual([
      { type: 'driver_state', driver: 'plc', state: 'disconnected', reason: 'its key is not a key' },
    ]);
    await clock.advanceAsync(20_000);
    expect(attempts).toBe(3);
    await supervisor.stop();
  });

  it('turns states into events, once each', async () => {
    let context: DriverContext<unknown> | undefined;
    const { supervisor, events } = supervise((given) => {
      context = given;
      return new Puppet(given);
    });
    await supervisor.start();
    context!.onState('connected', undefined);
    context!.onState('connected', undefined);
    context!.onState('degraded', 'one of two');
    expect(events.map((event) => (event.type === 'driver_state' ? event.state : event.type))).toEqual([
      'connected',
      'degraded',
    ]);
    await supervisor.stop();
  });
});
