import { requirePeer } from '@millrace/testing';
import { describe, it } from 'vitest';
import { describeUpstream } from '../conformance.js';

if (requirePeer('mosquitto') && requirePeer('openssl'))
  for (const version of ['5', '3.1.1'] as const) describeUpstream(version);
else
  describe('upstream engine mqtt', () => {
    it.skip('needs the peers mosquitto and openssl', () => {});
  });
