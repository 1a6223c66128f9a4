import { connect, type Socket } from 'node:net';
import { silentLogger } from '@millrace/foundation';
import { within } from '@millrace/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createModbusServer, type ModbusServer } from './server.js';

let server: ModbusServer;
const reads: string[] = [];
const sockets: Socket[] = [];

beforeEach(async () => {
  reads.length = 0;
  server = createModbusServer({
    host: '127.0.0.1',
    port: 0,
    logger: silentLogger,
    unit: (id) =>
      id === 3
        ? 'silent'
        : id === 1
          ? { bit: () => undefined, word: (_t, a) => a & 0xffff, writable: () => false, write: () => false }
          : undefined,
    onRead: (id, span) => reads.push(`${id} ${span.table} ${span.address}+${span.count}`),
  });
  await server.start();
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.stop();
  await server.stop();
});

async function open(): Promise<Socket> {
  const socket = connect(server.port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

/** Sends parts and resolves with the first `length` bytes of the answer. */
async function talk(parts: string[], length: number): Promise<string> {
  const socket = await open();
  const answer = new Promise<string>((resolve) => {
    let got = Buffer.alloc(0);
    socket.on('data', (data) => {
      got = Buffer.concat([got, data]);
      if (got.length >= length) resolve(got.toString('hex'));
    });
  });
  for (const part of parts) {
    socket.write(Buffer.from(part.replaceAll(' ', ''), 'hex'));
    await new Promise((resolve) => setImmediate(resolve));
  }
  return within(answer, 5000, 'the answer');
}

it('keeps the transaction number and answers a frame that arrives in pieces', async () => {
  expect(await talk(['abcd 0000 00', '06 01 03 0005', '0002'], 13)).toBe('abcd00000007010304' + '00050006');
  expect(reads).toEqual(['1 holding 5+2']);
});

it('answers pipelined requests in their order, a silent unit leaving no trace between them', async () => {
  const ask = (tid: string, unit: string) => `${tid} 0000 0006 ${unit} 03 0000 0001`;
  expect(
    await talk([ask('0001', '01') + ask('0002', '03') + ask('0003', '01') + ask('0004', '63')], 31),
  ).toBe('0001000000050103020000' + '0003000000050103020000' + '000400000003' + '63830a');
  expect(server.stats()).toMatchObject({ requests: 4, unanswered: 1, exceptions: 1 });
});

it.each([
  ['another protocol id', '0001 0001 0006 01 03 0000 0001'],
  ['a length no Modbus frame has', '0001 0000 ffff 01 03 0000 0001'],
  ['the start of a TLS hello', '16030100 c8010000'],
])('closes a connection that sends %s', async (_name, bytes) => {
  const socket = await open();
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write(Buffer.from(bytes.replaceAll(' ', ''), 'hex'));
  await within(closed, 5000, 'the close');
  expect(server.stats().droppedConnections).toBe(1);
});

it('refuses connections beyond its places and serves those it has', async () => {
  for (let i = 0; i < 32; i++) await open();
  const extra = connect(server.port, '127.0.0.1');
  sockets.push(extra);
  extra.on('error', () => {});
  await within(new Promise((resolve) => extra.once('close', resolve)), 5000, 'the refusal');
  expect(server.stats()).toMatchObject({ connections: 32, refusedConnections: 1 });
});
