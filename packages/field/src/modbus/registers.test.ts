import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ByteOrder, RegisterType } from '../plants/map-types.js';
import { decodeRaw, encodeRaw, failRaw, fromRaw, toRaw } from './registers.js';

const orders: ByteOrder[] = ['ABCD', 'CDAB', 'BADC', 'DCBA'];
const hex = (raw: number, type: RegisterType, order: ByteOrder) =>
  encodeRaw(raw, type, order).toString('hex');

describe('encodeRaw', () => {
  it.each([
    ['ABCD', '42900000'],
    ['CDAB', '00004290'],
    ['BADC', '90420000'],
    ['DCBA', '00009042'],
  ] as const)('puts the float 72.0 as vendors print %s', (order, expected) => {
    expect(hex(72, 'float32', order)).toBe(expected);
  });

  it.each([
    ['ABCD', '0001020304050607'],
    ['CDAB', '0607040502030001'],
    ['BADC', '0100030205040706'],
    ['DCBA', '0706050403020100'],
  ] as const)('orders a 64-bit value as %s', (order, expected) => {
    const value = Number(0x0001020304050607n);
    // The number is above 2^53, so the last bits are compared through a float64 with the same bytes.
    const float = Buffer.from('0001020304050607', 'hex').readDoubleBE();
    expect(value).toBeGreaterThan(0);
    expect(hex(float, 'float64', order)).toBe(expected);
  });

  it('holds integers at the limits of their type and rounds to the nearest', () => {
    expect(hex(70000, 'uint16', 'ABCD')).toBe('ffff');
    expect(hex(-1, 'uint16', 'ABCD')).toBe('0000');
    expect(hex(-40000, 'int16', 'ABCD')).toBe('8000');
    expect(hex(2.5e9, 'int32', 'ABCD')).toBe('7fffffff');
    expect(hex(4e9, 'uint32', 'ABCD')).toBe('ee6b2800');
    expect(hex(1.6, 'int16', 'BADC')).toBe('0200');
  });

  it('is undone by decodeRaw for every type and order', () => {
    const integer = (min: number, max: number) => fc.integer({ min, max });
    const cases: [RegisterType, fc.Arbitrary<number>][] = [
      ['int16', integer(-32768, 32767)],
      ['uint16', integer(0, 65535)],
      ['int32', integer(-(2 ** 31), 2 ** 31 - 1)],
      ['uint32', integer(0, 2 ** 32 - 1)],
      ['int64', fc.maxSafeInteger()],
      ['uint64', fc.maxSafeNat()],
      ['float32', fc.float()],
      ['float64', fc.double()],
    ];
    for (const [type, values] of cases)
      fc.assert(
        fc.property(values, fc.constantFrom(...orders), (value, order) => {
          expect(decodeRaw(encodeRaw(value, type, order), type, order) + 0).toBe(value + 0);
        }),
      );
  });
});

describe('scaling', () => {
  it('turns a pressure into loop current and back (HW-1)', () => {
    const loop = { kind: 'current-loop', rawPerMa: 1000, min: 0, max: 10 } as const;
    expect(toRaw(0, loop)).toBe(4000);
    expect(toRaw(5, loop)).toBe(12_000);
    expect(fromRaw(12_000, loop)).toBe(5);
    // NAMUR NE 43: measurement lies in 3.8 to 20.5 mA, whatever is measured.
    expect(toRaw(-3, loop)).toBe(3800);
    expect(toRaw(50, loop)).toBe(20_500);
  });

  it('knows the example of raw counts: 26214 of 65535 over 0 to 100 bar is 40.0', () => {
    const counts = { kind: 'counts', rawMax: 65_535, min: 0, max: 100 } as const;
    expect(fromRaw(26_214, counts)).toBeCloseTo(40, 9);
    expect(toRaw(40, counts)).toBeCloseTo(26_214, 9);
  });

  it('has a fail value for every type', () => {
    const none = { kind: 'none' } as const;
    expect(failRaw({ type: 'uint16', scaling: { kind: 'current-loop', rawPerMa: 1, min: 0, max: 1 } })).toBe(
      0,
    );
    expect(failRaw({ type: 'float32', scaling: none })).toBeNaN();
    expect(failRaw({ type: 'int16', scaling: none })).toBe(-32_768);
    expect(failRaw({ type: 'uint32', scaling: none })).toBe(4_294_967_295);
  });
});
