import { expect, test } from 'vitest';
import { deviceEntry } from './fixtures.js';
import { murmur2, partitionOf } from './partition-of.js';

test.each([
  // The values of Kafka's own test, org.apache.kafka.common.utils.UtilsTest.
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('hashes %s as Kafka does', (text, hash) => {
  expect(murmur2(Buffer.from(text))).toBe(hash);
});

test('a device is where its gateway is', () => {
  const gateway = deviceEntry(1, 'GW-1', { deviceType: 'edge_gateway' });
  for (let i = 0; i < 50; i++)
    expect(partitionOf(deviceEntry(2 + i, `P-${i}`, { gateway: 'GW-1' }), 12)).toBe(partitionOf(gateway, 12));
});
