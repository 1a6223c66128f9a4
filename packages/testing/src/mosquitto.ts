import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { peer } from './peers.js';
import { freePort } from './ports.js';
import { waitFor } from './wait.js';

/** Certificates of a little CA in a folder, made by openssl: `ca`, `broker` (for 127.0.0.1) and any clients. */
export function makeCertificates(folder: string, clients: readonly string[]): void {
  const openssl = (...args: string[]) =>
    execFileSync(peer('openssl').path, args, { cwd: folder, stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-subj',
    '/CN=test ca',
    '-days',
    '2',
  );
  const issue = (name: string, subject: string, extension: string) => {
    writeFileSync(join(folder, `${name}.ext`), extension);
    openssl('req', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject);
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-days',
      '2',
      '-extfile',
      `${name}.ext`,
      '-out',
      `${name}.pem`,
    );
  };
  issue('broker', '/CN=127.0.0.1', 'subjectAltName=IP:127.0.0.1');
  clients.forEach((commonName, i) => {
    issue(`client${i}`, `/CN=${commonName}`, 'extendedKeyUsage=clientAuth');
  });
}

/** A foreign broker: Mosquitto, in its own process. */
export class Mosquitto {
  readonly port: number;
  readonly #folder: string;
  readonly #settings: readonly string[];
  #process: ChildProcess | undefined;
  log = '';

  private constructor(folder: string, port: number, settings: readonly string[]) {
    this.#folder = folder;
    this.port = port;
    this.#settings = settings;
  }

  /** Starts one on a free port; `settings` are lines of its configuration after the listener's. */
  static async start(folder: string, settings: readonly string[]): Promise<Mosquitto> {
    const broker = new Mosquitto(folder, await freePort(), settings);
    await broker.restart();
    return broker;
  }

  async restart(): Promise<void> {
    const file = join(this.#folder, 'mosquitto.conf');
    // Started by root it would change to an account that cannot read the test's folder.
    writeFileSync(file, [`listener ${this.port} 127.0.0.1`, 'user root', ...this.#settings, ''].join('\n'));
    const child = spawn(peer('mosquitto').path, ['-v', '-c', file], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (text: Buffer) => {
      this.log += text.toString();
    });
    child.stderr.on('data', (text: Buffer) => {
      this.log += text.toString();
    });
    this.#process = child;
    await waitFor(() => answers(this.port), { what: () => `mosquitto on ${this.port}: ${this.log}` });
  }

  /** Kills it as a crash would. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
