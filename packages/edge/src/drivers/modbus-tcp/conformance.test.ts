import { requirePeer } from '@millrace/testing';
import { describe } from 'vitest';
import { driverConformance } from '../conformance.js';
import { modbusSerialPeer, pymodbusPeer } from './peer.js';

driverConformance(
  'modbus-tcp with modbus-serial',
  { slow: true, garble: true, badWithinMs: 2000 },
  modbusSerialPeer,
);

describe.skipIf(!requirePeer('pymodbus'))('with pymodbus', () => {
  driverConformance(
    'modbus-tcp with pymodbus',
    { slow: false, garble: false, badWithinMs: 2000 },
    pymodbusPeer,
  );
});
