import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort, peer, type TempDir, tempDir, waitFor } from '@millrace/testing';
import type { DevicePeer } from '../conformance.js';
import { askChild, killChild } from '../peer.js';

const applicationUri = 'urn:test:asyncua';

const script = `
import asyncio, sys, logging
logging.disable(logging.CRITICAL)
from asyncua import Server, ua
from asyncua.server.user_managers import User, UserManager, UserRole
port, folder = sys.argv[1], sys.argv[2]
class Users(UserManager):
    def get_user(self, iserver, username=None, password=None, certificate=None):
        if username == "gateway" and password == "correct horse":
            return User(role=UserRole.User)
        return None
async def main():
    server = Server(user_manager=Users())
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}")
    await server.set_application_uri("${applicationUri}")
    server.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
    await server.load_certificate(f"{folder}/server.pem")
    await server.load_private_key(f"{folder}/server_key.pem")
    space = await server.register_namespace("urn:test")
    node = await server.nodes.objects.add_variable(ua.NodeId("P-101.power_kw", space), "power", 0.0)
    loop = asyncio.get_running_loop()
    def command():
        line = sys.stdin.readline().split()
        async def apply():
            if line and line[0] == "set":
                await node.write_value(float(line[1]))
            print("ok", flush=True)
        loop.create_task(apply())
    async with server:
        loop.add_reader(sys.stdin.fileno(), command)
        print("ready", flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
`;

/** A certificate as OPC 10000-6, 6.2.2 wants it: with the application's URI. */
function makeServerCertificate(folder: string): void {
  writeFileSync(
    join(folder, 'openssl.cnf'),
    `[req]\ndistinguished_name=dn\nx509_extensions=ext\nprompt=no\n[dn]\nCN=asyncua\n[ext]\nsubjectAltName=URI:${applicationUri},IP:127.0.0.1\nkeyUsage=digitalSignature,nonRepudiation,keyEncipherment,dataEncipherment,keyCertSign\nextendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=CA:FALSE\n`,
  );
  const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-config', 'openssl.cnf'];
  execFileSync(peer('openssl').path, [...args, '-keyout', 'server_key.pem', '-out', 'server.pem'], {
    cwd: folder,
    stdio: 'pipe',
  });
}

export interface AsyncuaPeer extends DevicePeer {
  readonly folder: TempDir;
  driverText(changes?: { readonly trust?: boolean; readonly password?: string }): string;
}

/** asyncua, an independent OPC UA server, in its own process: Basic256Sha256 with SignAndEncrypt and an account. */
export async function asyncuaPeer(): Promise<AsyncuaPeer> {
  const port = await freePort();
  const folder = tempDir('asyncua');
  makeServerCertificate(folder.path);
  const python = peer('asyncua');
  let child: ChildProcess | undefined;
  let errors = '';
  return {
    folder,
    start: async () => {
      child = spawn(python.path, ['-c', script, String(port), folder.path], {
        env: { ...process.env, ...python.env },
        stdio: ['pipe', 'pipe', 'pipe'],
      });
      child.stderr!.on('data', (text: Buffer) => {
        errors += text.toString();
      });
      await waitFor(() => child?.exitCode !== null || answers(port), { what: () => `asyncua: ${errors}` });
      if (child.exitCode !== null) throw new Error(`asyncua ended: ${errors}`);
    },
    kill: async () => {
      const dying = child;
      child = undefined;
      await killChild(dying);
    },
    set: (value) => askChild(child!, `set ${value}`),
    raw: (value) => value,
    driverText: ({ trust = true, password = 'correct horse' } = {}) => {
      const account = join(folder.path, 'account.json');
      writeFileSync(account, JSON.stringify({ user: 'gateway', password }));
      return `  plc:
    type: opcua
    url: opc.tcp://127.0.0.1:${port}
    pki_dir: ${join(folder.path, 'pki')}
    trust: [${trust ? join(folder.path, 'server.pem') : ''}]
    account_file: ${account}
    publishing_ms: 100
    sampling_ms: 50
    session_timeout_s: 5
    devices:
      P-101:
        tags:
          power_kw: { node: ns=2;s=P-101.power_kw }
`;
    },
  };
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
