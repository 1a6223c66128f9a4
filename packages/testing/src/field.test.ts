import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { startTestField } from './field.js';

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

test('a plant listens on two free ports, and nothing is left of it after remove', async () => {
  const plant = await startTestField({ seed: 7 });
  const { modbus, opcua } = plant.field.ports;
  expect(await Promise.all([accepts(modbus), accepts(opcua)])).toEqual([true, true]);
  await plant.remove();
  await plant.remove();
  expect(await Promise.all([accepts(modbus), accepts(opcua)])).toEqual([false, false]);
  expect(existsSync(plant.pkiDir)).toBe(false);
});
