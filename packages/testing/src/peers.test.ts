import { afterEach, expect, test, vi } from 'vitest';
import { peer, peerNames, requirePeer } from './peers.js';

afterEach(() => vi.unstubAllEnvs());

test('lists the peers with their class', () => {
  expect(peerNames()).toContain('mosquitto');
  expect([peer('mosquitto').required, peer('paho-suite').required]).toEqual([true, false]);
});

test('a name that is not listed is a mistake', () => {
  expect(() => peer('nobody')).toThrow('No peer is named nobody');
});

test('an optional peer that is missing means a skip, also under CI', () => {
  vi.stubEnv('CI', 'true');
  vi.stubEnv('MILLRACE_PAHO_SUITE', '');
  expect(requirePeer('paho-suite')).toBe(false);
  expect(peer('paho-suite').why).toBe('MILLRACE_PAHO_SUITE is not set');
});

test('a required peer that is missing fails under CI and is a skip elsewhere', () => {
  vi.stubEnv('PATH', '/nonexistent');
  vi.stubEnv('MILLRACE_PEERS_DIR', '/nonexistent');
  vi.stubEnv('CI', 'false');
  expect(requirePeer('mbpoll')).toBe(false);
  vi.stubEnv('CI', 'true');
  expect(() => requirePeer('mbpoll')).toThrow('The required peer mbpoll is missing');
});
