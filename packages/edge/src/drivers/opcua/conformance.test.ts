import { requirePeer } from '@millrace/testing';
import { describe } from 'vitest';
import { driverConformance } from '../conformance.js';
import { asyncuaPeer } from './peer.js';

const present = requirePeer('asyncua') && requirePeer('openssl');

describe.skipIf(!present)('with asyncua', () => {
  driverConformance('opcua with asyncua', { slow: false, garble: false, badWithinMs: 5000 }, asyncuaPeer);
});
