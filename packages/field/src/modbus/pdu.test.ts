import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answerPdu, type UnitImage } from './pdu.js';

function unit() {
  const holding = new Map([
    [0, 0x1234],
    [1, 0xabcd],
  ]);
  const coils = new Map([
    [0, true],
    [1, false],
    [2, true],
  ]);
  const image: UnitImage = {
    bit: (table, address) => (table === 'coil' ? coils.get(address) : undefined),
    word: (table, address) => (table === 'holding' ? holding.get(address) : undefined),
    writable: (table, address) => (table === 'coil' ? coils.has(address) : address === 0 && holding.has(0)),
    write(table, address, value) {
      if (table === 'coil') coils.set(address, value !== 0);
      else if (value > 5000) return false;
      else holding.set(address, value);
      return true;
    },
  };
  return image;
}

const ask = (request: string, image = unit()) =>
  answerPdu(image, Buffer.from(request.replaceAll(' ', ''), 'hex')).pdu.toString('hex');

describe('answerPdu (MODBUS Application Protocol V1.1b3)', () => {
  it.each([
    ['reads coils, first in the low bit (6.1)', '01 0000 0003', '010105'],
    ['reads holding registers (6.3)', '03 0000 0002', '03041234abcd'],
    ['writes a coil and echoes (6.5)', '05 0001 ff00', '050001ff00'],
    ['writes a register and echoes (6.6)', '06 0000 0042', '0600000042'],
    ['writes coils and tells how many (6.11)', '0f 0000 0003 01 02', '0f00000003'],
    ['writes registers and tells how many (6.12)', '10 0000 0001 02 0042', '1000000001'],
    ['refuses a function it does not have', '2b 0e 01 00', 'ab01'],
    ['refuses an address beyond the end', '03 0001 0002', '8302'],
    ['refuses a table the unit lacks', '04 0000 0001', '8402'],
    ['refuses a quantity of 0', '03 0000 0000', '8303'],
    ['refuses more than 125 registers', '03 0000 007e', '8303'],
    ['refuses more than 2000 coils', '01 0000 07d1', '8103'],
    ['refuses a coil value that is neither on nor off', '05 0000 0001', '8503'],
    ['refuses to write what may not be written', '06 0001 0000', '8602'],
    ['refuses a value out of bounds', '06 0000 ffff', '8603'],
    ['refuses a byte count that does not fit', '10 0000 0001 03 0042', '9003'],
    ['refuses a short request', '03 00', '8303'],
  ])('%s', (_name, request, expected) => {
    expect(ask(request)).toBe(expected);
  });

  it('writes nothing when one of many addresses may not be written', () => {
    const image = unit();
    expect(ask('10 0000 0002 04 0001 0002', image)).toBe('9002');
    expect(image.word('holding', 0)).toBe(0x1234);
  });

  it('answers any bytes with a legal PDU of at most 253 bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 253 }), (bytes) => {
        const { pdu } = answerPdu(unit(), Buffer.from(bytes));
        expect(pdu.length).toBeGreaterThanOrEqual(2);
        expect(pdu.length).toBeLessThanOrEqual(253);
        expect(pdu[0]! & 0x7f).toBe(bytes[0]! & 0x7f);
      }),
    );
  });
});
