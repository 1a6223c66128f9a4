import { peer, requirePeer, startTestKafka } from '@millrace/testing';
import { describe, it } from 'vitest';
import { describeBus } from '../conformance.js';

if (requirePeer('kafka'))
  describeBus({
    name: 'kafka',
    open: async () => {
      const kafka = await startTestKafka();
      return { url: kafka.url, close: () => kafka.remove() };
    },
    shared: true,
  });
else
  describe('bus engine kafka', () => {
    it.skip(`needs the peer kafka: ${peer('kafka').why}`, () => {});
  });
