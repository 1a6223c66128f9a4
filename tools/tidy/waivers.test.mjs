import { expect, test } from 'vitest';
import { applyWaivers } from './waivers.mjs';

const finding = { rule: 'clock', path: 'a.ts', line: 3, name: 'f', message: 'm' };

test('takes away what it names, by rule, file and function', () => {
  expect(applyWaivers([finding], [{ rule: 'clock', file: 'a.ts', why: 'w' }])).toEqual([]);
  expect(applyWaivers([finding], [{ rule: 'clock', file: 'a.ts', name: 'f', why: 'w' }])).toEqual([]);
  expect(applyWaivers([finding], [{ rule: 'clock', file: 'a.ts', name: 'g', why: 'w' }])).toHaveLength(2);
});

test('a waiver that waives nothing any more has to go, and one without a reason is refused', () => {
  expect(applyWaivers([], [{ rule: 'clock', file: 'a.ts', why: 'w' }])[0].message).toBe(
    'the waiver of clock for a.ts is not needed; delete it',
  );
  expect(applyWaivers([finding], [{ rule: 'clock', file: 'a.ts' }])[0].message).toMatch('does not say why');
});
