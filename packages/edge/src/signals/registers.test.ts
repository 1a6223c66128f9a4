import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ByteOrder, type RegisterData, registerDecoder, registersOf } from './registers.js';

/** Written apart from the decoder: bytes in print order, A the most significant. */
function reorder(big: Buffer, order: ByteOrder): Buffer {
  const registers = Array.from({ length: big.length / 2 }, (_, i) => big.subarray(i * 2, i * 2 + 2));
  if (order === 'CDAB' || order === 'DCBA') registers.reverse();
  const swap = order === 'BADC' || order === 'DCBA';
  return Buffer.concat(
    registers.map((register) => (swap ? Buffer.from([register[1]!, register[0]!]) : register)),
  );
}

describe('registerDecoder (HW-2)', () => {
  it('reads 42 90 00 00 as 72.0', () => {
    expect(registerDecoder('float32', 'ABCD')(Buffer.from('42900000', 'hex'), 0)).toBe(72);
  });

  it.each([
    ['ABCD', '42900000'],
    ['CDAB', '00004290'],
    ['BADC', '90420000'],
    ['DCBA', '00009042'],
  ] as const)('reads 72.0 in %s order from %s', (order, hex) => {
    expect(registerDecoder('float32', order)(Buffer.from(`ffff${hex}`, 'hex'), 2)).toBe(72);
  });

  const numbers: readonly [RegisterData, (value: bigint, bytes: Buffer) => void, fc.Arbitrary<bigint>][] = [
    ['int16', (v, b) => b.writeInt16BE(Number(v)), fc.bigInt(-(2n ** 15n), 2n ** 15n - 1n)],
    ['uint16', (v, b) => b.writeUInt16BE(Number(v)), fc.bigInt(0n, 2n ** 16n - 1n)],
    ['int32', (v, b) => b.writeInt32BE(Number(v)), fc.bigInt(-(2n ** 31n), 2n ** 31n - 1n)],
    ['uint32', (v, b) => b.writeUInt32BE(Number(v)), fc.bigInt(0n, 2n ** 32n - 1n)],
    ['int64', (v, b) => b.writeBigInt64BE(v), fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)],
    ['uint64', (v, b) => b.writeBigUInt64BE(v), fc.bigInt(0n, 2n ** 64n - 1n)],
  ];
  for (const [data, write, values] of numbers) {
    for (const order of ['ABCD', 'CDAB', 'BADC', 'DCBA'] as const) {
      it(`gives back every ${data} in ${order} order`, () => {
        fc.assert(
          fc.property(values, (value) => {
            const big = Buffer.alloc(registersOf(data) * 2);
            write(value, big);
            expect(BigInt(registerDecoder(data, order)(reorder(big, order), 0) as number | bigint)).toBe(
              value,
            );
          }),
        );
      });
    }
  }

  it('reads float64, bits, BCD and text', () => {
    const big = Buffer.alloc(8);
    big.writeDoubleBE(-1.5e300);
    expect(registerDecoder('float64', 'CDAB')(reorder(big, 'CDAB'), 0)).toBe(-1.5e300);
    expect(registerDecoder('bit', 'ABCD', { bit: 9 })(Buffer.from('0200', 'hex'), 0)).toBe(true);
    expect(registerDecoder('bit', 'ABCD', { bit: 8 })(Buffer.from('0200', 'hex'), 0)).toBe(false);
    expect(registerDecoder('bcd16', 'ABCD')(Buffer.from('1234', 'hex'), 0)).toBe(1234);
    expect(registerDecoder('bcd32', 'CDAB')(Buffer.from('56781234', 'hex'), 0)).toBe(12_345_678);
    expect(registerDecoder('string', 'ABCD', { stringRegisters: 4 })(Buffer.from('PUMP 1\0x'), 0)).toBe(
      'PUMP 1',
    );
    expect(registerDecoder('string', 'BADC', { stringRegisters: 2 })(Buffer.from('UPPM'), 0)).toBe('PUMP');
  });

  it('gives null for NaN and for what is no BCD, never a number', () => {
    expect(registerDecoder('float32', 'ABCD')(Buffer.from('7fc00000', 'hex'), 0)).toBeNull();
    expect(registerDecoder('bcd16', 'ABCD')(Buffer.from('12f4', 'hex'), 0)).toBeNull();
  });
});
