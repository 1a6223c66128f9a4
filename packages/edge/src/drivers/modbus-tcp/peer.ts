import { type ChildProcess, spawn } from 'node:child_process';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort, peer, waitFor } from '@millrace/testing';
import modbus from 'modbus-serial';
import type { DevicePeer } from '../conformance.js';
import { askChild, killChild } from '../peer.js';

function driverText(port: number): string {
  return `  plc:
    type: modbus-tcp
    host: 127.0.0.1
    port: ${port}
    addresses: 0-based
    poll_ms: 100
    dead_poll_ms_max: 400
    devices:
      P-101:
        unit: 1
        tags:
          power_kw: { table: holding, address: 10, data: uint16 }
`;
}

/**
 * modbus-serial's server, in this process: a foreign implementation that is always there. A plain TCP relay stands
 * in front of it, which can be cut and can spoil answers.
 */
export async function modbusSerialPeer(): Promise<
  DevicePeer & { readonly port: number; deadUnits: Set<number> }
> {
  const port = await freePort();
  const innerPort = await freePort();
  let value = 0;
  let delayMs = 0;
  let garbled = false;
  const deadUnits = new Set<number>();
  const read = async (_address: number, unit: number): Promise<number> => {
    if (deadUnits.has(unit)) await new Promise(() => {});
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    return value;
  };
  const relay = new Relay(port, innerPort, (answer) => (garbled ? spoil(answer) : answer));
  let server: InstanceType<typeof modbus.ServerTCP> | undefined;
  return {
    port,
    deadUnits,
    start: async () => {
      const vector = { getHoldingRegister: read, getInputRegister: read };
      server = new modbus.ServerTCP(vector, {
        host: '127.0.0.1',
        port: innerPort,
        debug: false,
        unitID: 255,
      });
      server.on('error', () => {});
      await new Promise((resolve) => server!.once('initialized', resolve));
      await relay.start();
    },
    kill: async () => {
      await relay.kill();
      const closing = server;
      server = undefined;
      if (closing) await new Promise((resolve) => closing.close(resolve));
    },
    set: async (next) => {
      value = next;
    },
    slow: async (next) => {
      delayMs = next;
    },
    garble: async (on) => {
      garbled = on;
    },
    driverText: () => driverText(port),
    raw: (next) => next,
  };
}

/** A well-formed frame whose content is not what was asked for: two registers where one was. */
function spoil(answer: Buffer): Buffer {
  const frame = Buffer.concat([answer.subarray(0, 8), Buffer.from([4, 0xde, 0xad, 0xbe, 0xef])]);
  frame.writeUInt16BE(frame.length - 6, 4);
  return frame;
}

class Relay {
  readonly #port: number;
  readonly #innerPort: number;
  readonly #onAnswer: (answer: Buffer) => Buffer;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  constructor(port: number, innerPort: number, onAnswer: (answer: Buffer) => Buffer) {
    this.#port = port;
    this.#innerPort = innerPort;
    this.#onAnswer = onAnswer;
  }

  start(): Promise<void> {
    const server = createServer((outer) => {
      const inner = connect(this.#innerPort, '127.0.0.1');
      for (const [from, to] of [
        [outer, inner],
        [inner, outer],
      ] as const) {
        this.#sockets.add(from);
        from.on('data', (bytes: Buffer) => to.write(from === inner ? this.#onAnswer(bytes) : bytes));
        from.on('error', () => {});
        from.on('close', () => {
          this.#sockets.delete(from);
          to.destroy();
        });
      }
    });
    this.#server = server;
    return new Promise((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
  }

  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    if (server) await new Promise((resolve) => server.close(resolve));
  }
}

const script = `
import asyncio, sys
from pymodbus.server import ModbusTcpServer
from pymodbus.datastore import ModbusServerContext, ModbusSequentialDataBlock
try:
    from pymodbus.datastore import ModbusDeviceContext as Device
except ImportError:
    from pymodbus.datastore import ModbusSlaveContext as Device
delay = 0.0
class Block(ModbusSequentialDataBlock):
    pass
async def main():
    block = Block(0, [0] * 200)
    device = Device(hr=block, ir=block)
    try:
        context = ModbusServerContext(devices={1: device}, single=False)
    except TypeError:
        context = ModbusServerContext(slaves={1: device}, single=False)
    server = ModbusTcpServer(context, address=("127.0.0.1", int(sys.argv[1])))
    loop = asyncio.get_running_loop()
    def command():
        line = sys.stdin.readline().split()
        if line and line[0] == "set":
            device.setValues(3, 10, [int(line[1])])
        print("ok", flush=True)
    loop.add_reader(sys.stdin.fileno(), command)
    await server.serve_forever()
asyncio.run(main())
`;

/** pymodbus, in its own process. */
export async function pymodbusPeer(): Promise<DevicePeer> {
  const port = await freePort();
  const python = peer('pymodbus');
  let child: ChildProcess | undefined;
  let errors = '';
  return {
    start: async () => {
      child = spawn(python.path, ['-c', script, String(port)], {
        env: { ...process.env, ...python.env },
        stdio: ['pipe', 'pipe', 'pipe'],
      });
      child.stderr!.on('data', (text: Buffer) => {
        errors += text.toString();
      });
      await waitFor(() => answers(port), { what: () => `pymodbus: ${errors}` });
    },
    kill: async () => {
      const dying = child;
      child = undefined;
      await killChild(dying);
    },
    set: (value) => askChild(child!, `set ${value}`),
    driverText: () => driverText(port),
    raw: (value) => value,
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
