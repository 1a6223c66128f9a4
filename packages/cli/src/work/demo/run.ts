import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage, isMillraceError, MillraceError, silentLogger } from '@millrace/foundation';
import type { Work } from '../../command.js';
import { type ApiClient, socketClient } from '../../runtime/api-client.js';
import { dataDirOf, portBaseOf, prepareDataDir } from '../../runtime/data-dir.js';
import { holderAlive, lockDataDir, readLock, verbOf } from '../../runtime/lock.js';
import { type PortPlan, portPlan, portUses, requireFreePorts } from '../../runtime/ports.js';
import { stopSignal } from '../../runtime/run-process.js';
import { productVersion } from '../../runtime/version.js';
import { bannerText } from './banner.js';
import { SupervisedChild } from './child.js';
import { writeDemoFiles } from './files.js';
import { type ChildRole, type DemoPlan, planDemo } from './plan.js';
import { registerDemo } from './register.js';
import { trustGatewayAtField } from './trust.js';

/** A first start makes a database and keys; on a busy small machine that takes a while. */
const START_SECONDS_MAX = 110;
const ORPHAN_SECONDS_MAX = 15;
const stopOrder: readonly ChildRole[] = ['edge', 'platform', 'field'];

export const runDemo: Work = async (invocation) => {
  const base = portBaseOf(invocation);
  const plan = planDemo(dataDirOf(invocation), portPlan(base));
  prepareDataDir(plan.dataDir);
  const lock = lockDataDir(plan.dataDir, 'demo', productVersion());
  const stop = stopSignal(silentLogger);
  const demo = new Demo(plan, base);
  try {
    const ended = await Promise.race([demo.start(), stop.promise]);
    if (ended === undefined) await stop.promise;
    say('Stopping: gateway, platform, field ...');
    await demo.stop();
    say('Stopped. The data stays; the next start continues with it.');
    return 0;
  } catch (error) {
    await demo.stop();
    throw error;
  } finally {
    stop.dispose();
    lock.release();
  }
};

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

class Demo {
  readonly #plan: DemoPlan;
  readonly #base: number | undefined;
  readonly #children: Readonly<Record<ChildRole, SupervisedChild>>;
  readonly #deadline = performance.now() + START_SECONDS_MAX * 1000;
  #stopped = false;

  constructor(plan: DemoPlan, base: number | undefined) {
    this.#plan = plan;
    this.#base = base;
    const child = (role: ChildRole) => new SupervisedChild(plan.children[role], plan.dataDir, say);
    this.#children = { field: child('field'), platform: child('platform'), edge: child('edge') };
    // Whatever ends this process, a forced second Ctrl-C too, takes the children along.
    process.once('exit', () => this.#killNow());
  }

  async start(): Promise<undefined> {
    const { dataDir, ports } = this.#plan;
    await this.#waitForOrphans();
    await requireFreePorts(
      portList(ports, databaseLeftOver(dataDir)),
      'choose seven others with --port-base N',
    );
    for (const file of writeDemoFiles(this.#plan)) say(`${file} was changed by hand and is used as it is.`);
    say(`Starting on the data folder ${dataDir} ...`);
    const platform = socketClient(dataDir, 'platform', 'millrace up');
    const field = this.#children.field.start();
    const up = this.#children.platform.start();
    const failed: Promise<never>[] = [field, up];
    await Promise.race([
      ...failed,
      this.#answers(socketClient(dataDir, 'field', 'millrace field'), '/status'),
    ]);
    await Promise.race([...failed, this.#answers(platform, '/readyz')]);
    await Promise.race([...failed, registerDemo(platform, this.#plan)]);
    if (this.#stopped) return undefined;
    failed.push(this.#children.edge.start());
    await Promise.race([...failed, this.#trusted()]);
    await Promise.race([...failed, this.#dataFlows(platform)]);
    for (const child of Object.values(this.#children)) child.settled();
    if (this.#stopped) return undefined;
    const link = await platform.call<{ url: string }>('POST', '/local/sign-in-link', { role: 'admin' });
    say(bannerText({ plan: this.#plan, portBase: this.#base, link: link.url, pids: this.#pids() }));
    return undefined;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const role of stopOrder) await this.#children[role].stop();
  }

  #pids(): Readonly<Record<ChildRole, number | undefined>> {
    const { field, platform, edge } = this.#children;
    return { field: field.pid, platform: platform.pid, edge: edge.pid };
  }

  #killNow(): void {
    for (const role of stopOrder) this.#children[role].killNow();
  }

  /** Children of a demo that was killed end by themselves within seconds; only one that does not is in the way. */
  async #waitForOrphans(): Promise<void> {
    const end = performance.now() + ORPHAN_SECONDS_MAX * 1000;
    for (const role of stopOrder) {
      for (;;) {
        const holder = readLock(this.#plan.dataDir, role);
        if (!holder || !holderAlive(holder)) break;
        if (performance.now() > end) {
          throw new MillraceError(
            'data_dir_locked',
            `"millrace ${verbOf(role)}", process ${holder.pid}, already runs on ${this.#plan.dataDir}: stop it first, or choose another folder with --data.`,
          );
        }
        await sleep(100);
      }
    }
  }

  async #answers(client: ApiClient, path: string): Promise<void> {
    await this.#until(`${client.target} to be ready`, async () => {
      await client.call('GET', path);
      return true;
    });
  }

  async #trusted(): Promise<void> {
    await this.#until('the OPC UA certificate of the gateway', async () => trustGatewayAtField(this.#plan));
  }

  /** True once a device that the gateway speaks for is online, which takes every hop of the way. */
  async #dataFlows(platform: ApiClient): Promise<void> {
    await this.#until('data to arrive from the gateway', async () => {
      const summary = await platform.call<{ devices: { online: number }; messages_per_s: number }>(
        'GET',
        '/v1/fleet/summary',
      );
      return summary.devices.online > 1 && summary.messages_per_s > 0;
    });
  }

  async #until(what: string, probe: () => Promise<boolean>): Promise<void> {
    let last = '';
    while (performance.now() < this.#deadline && !this.#stopped) {
      try {
        if (await probe()) return;
        last = '';
      } catch (error) {
        if (isMillraceError(error) && error.code === 'permission_denied') throw error;
        last = ` (${errorMessage(error)})`;
      }
      await sleep(200);
    }
    if (this.#stopped) return;
    throw new MillraceError(
      'internal',
      `Waited ${START_SECONDS_MAX} s in vain for ${what}${last}: see the files in ${this.#plan.dataDir}/log.`,
    );
  }
}

/** The database server of a platform that was killed may still hold its port; the platform ends it and takes over. */
function databaseLeftOver(dataDir: string): boolean {
  return existsSync(join(dataDir, 'postgres', 'postmaster.pid'));
}

function portList(ports: PortPlan, databaseIsOurs: boolean): { host: string; port: number; use: string }[] {
  return (Object.keys(ports) as (keyof PortPlan)[])
    .filter((key) => key !== 'postgres' || !databaseIsOurs)
    .map((key) => ({ host: '127.0.0.1', port: ports[key], use: portUses[key] }));
}
