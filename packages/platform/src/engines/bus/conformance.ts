import { silentLogger, systemClock, systemRandom } from '@millrace/foundation';
import { startTestPostgres, type TempDir, type TestPostgres, tempDir, waitFor } from '@millrace/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database, migrations } from '../../database/index.js';
import { deviceEntry, principal, pumpMessage, type Row, submit } from '../../ingest/fixtures.js';
import { River } from '../../ingest/index.js';
import { MapDirectory } from '../../ingest/map-directory.js';
import type { Bus, BusOptions } from './bus.js';
import { createBus } from './index.js';

export interface BusUnderTest {
  readonly name: string;
  /** Makes its server ready; returns the address and how to end it. */
  readonly open: () => Promise<{ url: string | undefined; close: () => Promise<void> }>;
  /** Whether several processes may share the work. */
  readonly shared: boolean;
}

/** What every bus engine must do; see `Bus`. */
export function describeBus(engine: BusUnderTest): void {
  describe(`bus engine ${engine.name}`, () => {
    const world = new World();
    let close = async () => {};

    beforeAll(async () => {
      const opened = await engine.open();
      close = opened.close;
      await world.open(opened.url);
    }, 60_000);

    afterAll(async () => {
      await world.close();
      await close();
    }, 30_000);

    it('settles with success, and stores each message once', async () => {
      const member = await world.join();
      const rows = world.rows(member.bus, ['P-1', 'P-2', 'P-3'], 1, 100);
      expect(new Set(await submit(member.bus.ingress, rows))).toEqual(new Set([0]));
      await world.expectStored(300);
    });

    it('stores once what a publisher sends again', async () => {
      const { bus } = world.members[0]!;
      const rows = world.rows(bus, ['P-4'], 1, 50);
      await submit(bus.ingress, rows);
      await submit(bus.ingress, rows);
      await world.expectStored(350);
      await waitFor(() => world.members[0]!.duplicates === 50);
    });

    it('keeps what it settled when the process that stores ends before and comes back', async () => {
      await world.members[0]!.stop();
      const member = await world.join();
      await submit(member.bus.ingress, world.rows(member.bus, ['P-1'], 101, 200));
      await world.expectStored(450);
    });

    it.skipIf(!engine.shared)('shares the devices between processes, and nobody writes twice', async () => {
      const first = world.members[0]!;
      const second = await world.join();
      await waitFor(() => first.partitions > 0 && second.partitions > 0, { timeoutMs: 30_000 });
      expect(first.partitions + second.partitions).toBe(12);
      const devices = Array.from({ length: 20 }, (_, i) => `P-${i + 10}`);
      await submit(first.bus.ingress, world.rows(first.bus, devices, 1, 50));
      await world.expectStored(1_450);
      expect(first.stored).toBeGreaterThan(0);
      expect(second.stored).toBeGreaterThan(0);
      await second.stop();
      await submit(first.bus.ingress, world.rows(first.bus, devices, 26, 75));
      await world.expectStored(1_950);
    });
  });
}

interface Member {
  readonly bus: Bus;
  readonly partitions: number;
  readonly stored: number;
  readonly duplicates: number;
  stop(): Promise<void>;
}

/** A database, and processes that share it and the bus; here they live in one. */
class World {
  readonly members: Member[] = [];
  readonly #directory = new MapDirectory(new Map([['acme', 1]]), []);
  readonly #messages = new Map<string, object>();
  #server: TestPostgres | undefined;
  #home: TempDir | undefined;
  #database: Database | undefined;
  #url: string | undefined;

  async open(url: string | undefined): Promise<void> {
    this.#url = url;
    this.#server = await startTestPostgres();
    this.#home = tempDir('bus');
    this.#database = new Database({
      dataDir: this.#home.path,
      port: 0,
      url: this.#server.url(),
      migrations,
      clock: systemClock,
      logger: silentLogger,
    });
    await this.#database.start();
    for (let no = 1; no <= 40; no++) this.#directory.add(deviceEntry(no, `P-${no}`));
  }

  async join(): Promise<Member> {
    const common = {
      directory: this.#directory,
      refreshDirectory: async () => {},
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
    };
    const part = this.#url === undefined ? 'whole' : 'partitions';
    const river = new River({ ...common, database: this.#database!, part });
    const options: BusOptions = {
      ...common,
      url: this.#url,
      partitions: 12,
      group: 'conformance',
      sessionTimeoutS: 6,
      sink: river,
      produces: true,
    };
    const bus = createBus(options);
    await river.start();
    await bus.start();
    const members = this.members;
    const member: Member = {
      bus,
      get partitions() {
        return bus.stats().partitions ?? 0;
      },
      get stored() {
        return river.ingress.counts.stored;
      },
      get duplicates() {
        return river.ingress.counts.duplicates;
      },
      async stop() {
        members.splice(members.indexOf(member), 1);
        await bus.stop();
        await river.stop();
      },
    };
    members.push(member);
    return member;
  }

  /** Messages `from` to `to` of each device; the same numbers are the same messages. */
  rows(bus: Bus, devices: readonly string[], from: number, to: number): Row[] {
    return devices.flatMap((deviceId) => {
      const topic = `acme/north/pumping/line-1/centrifugal-pump/${deviceId}/telemetry`;
      const binding = bus.ingress.bind(principal(deviceId), topic)!;
      return Array.from({ length: to - from + 1 }, (_, i) => {
        const key = `${deviceId}/${from + i}`;
        const meta = { gw_id: `acme::${deviceId}` };
        if (!this.#messages.has(key)) this.#messages.set(key, pumpMessage(deviceId, from + i, { meta }));
        return { binding, payload: this.#messages.get(key)! };
      });
    });
  }

  /** Waits for the count, and then that there is neither another row nor a number twice. */
  async expectStored(count: number): Promise<void> {
    await waitFor(async () => (await this.#counted()).rows >= count, {
      timeoutMs: 30_000,
      what: () => `${count} rows`,
    });
    expect(await this.#counted()).toEqual({ rows: count, numbers: count });
  }

  async close(): Promise<void> {
    for (const member of [...this.members]) await member.stop();
    await this.#database?.stop();
    await this.#server?.remove();
    this.#home?.remove();
  }

  async #counted(): Promise<{ rows: number; numbers: number }> {
    const { rows } = await this.#database!.owner.query<{ rows: number; numbers: number }>(
      `SELECT count(*) AS rows, count(DISTINCT (device_no, epoch, seq)) AS numbers FROM telemetry_centrifugal_pump`,
    );
    return rows[0]!;
  }
}
