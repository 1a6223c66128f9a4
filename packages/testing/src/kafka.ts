import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { peer } from './peers.js';
import { freePort } from './ports.js';
import { tempDir } from './temp-dir.js';
import { waitFor } from './wait.js';

/** A real Kafka of one test file: broker and controller in one process (KRaft). */
export interface TestKafka {
  /** `kafka://127.0.0.1:port`. */
  readonly url: string;
  /** Kills it and deletes its data. */
  remove(): Promise<void>;
}

const clusterId = 'AAAAAAAAAAAAAAAAAAAAAA';

/** Starts one on free ports; sessions of consumers may be as short as a second. */
export async function startTestKafka(): Promise<TestKafka> {
  const { path: java, env: found } = peer('kafka');
  const env = { ...process.env, ...found };
  const home = tempDir('kafka');
  const port = await freePort();
  const controllerPort = await freePort();
  const file = join(home.path, 'server.properties');
  const settings = [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@127.0.0.1:${controllerPort}`,
    `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names=CONTROLLER',
    `log.dirs=${join(home.path, 'data')}`,
    'offsets.topic.replication.factor=1',
    'offsets.topic.num.partitions=1',
    'group.initial.rebalance.delay.ms=0',
    'group.min.session.timeout.ms=1000',
    'auto.create.topics.enable=false',
  ];
  writeFileSync(file, `${settings.join('\n')}\n`);
  const light = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
  execFileSync(java, [...light, 'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', file], {
    env,
    stdio: 'pipe',
  });
  const child = spawn(java, [...light, 'kafka.Kafka', file], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => {
      log = (log + bytes.toString()).slice(-20_000);
    });
  const endWithUs = () => child.kill('SIGKILL');
  process.once('exit', endWithUs);
  await waitFor(() => answers(port, child), { timeoutMs: 60_000, what: () => `Kafka on ${port}: ${log}` });
  return {
    url: `kafka://127.0.0.1:${port}`,
    remove: async () => {
      process.removeListener('exit', endWithUs);
      const ended = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode === null && child.kill('SIGKILL')) await ended;
      home.remove();
    },
  };
}

async function answers(port: number, child: ChildProcess): Promise<boolean> {
  if (child.exitCode !== null) throw new Error(`Kafka ended with code ${child.exitCode}.`);
  const { connect } = await import('node:net');
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
