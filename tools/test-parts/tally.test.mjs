import { expect, test } from 'vitest';
import { parseArguments } from './run-parts.mjs';
import { closingLine, tallyVitest } from './tally.mjs';

const file = (name, status, assertionResults, message = '') => ({ name, status, assertionResults, message });
const result = (fullName, status) => ({ fullName, status });

test('counts tests by how they ended, and names the skipped and the failed', () => {
  const report = {
    testResults: [
      file('/r/a.test.ts', 'failed', [result('one', 'passed'), result('two', 'failed')]),
      file('/r/b.test.ts', 'passed', [
        result('three', 'skipped'),
        result('four', 'todo'),
        result('five', 'pending'),
      ]),
    ],
  };
  const tally = tallyVitest('unit', report, 1, '/r');
  expect(closingLine(tally)).toBe('1 passed, 1 failed, 3 skipped');
  expect(tally.failures).toEqual(['a.test.ts > two']);
  expect(tally.skips).toEqual(['b.test.ts > three', 'b.test.ts > four', 'b.test.ts > five']);
});

test('a file that cannot be read is a failure', () => {
  const report = { testResults: [file('/r/a.test.ts', 'failed', [], 'Cannot find x\nmore')] };
  expect(tallyVitest('unit', report, 1, '/r').failures).toEqual(['a.test.ts: Cannot find x']);
});

test('an exit code without a failed test, and a run without a report, are failures', () => {
  expect(tallyVitest('unit', { testResults: [] }, 1, '/r').failed).toBe(1);
  expect(tallyVitest('unit', undefined, 0, '/r').failed).toBe(1);
  expect(tallyVitest('unit', { testResults: [] }, 0, '/r').failed).toBe(0);
});

test('arguments choose parts; anything else is one sentence', () => {
  expect(parseArguments(['--part', 'tidy,types', '--long'])).toMatchObject({
    parts: ['tidy', 'types'],
    long: true,
  });
  expect(parseArguments(['--part=unit', '--filter=edge'])).toMatchObject({ parts: ['unit'], filter: 'edge' });
  expect(parseArguments([]).parts).toContain('system');
  expect(() => parseArguments(['--part', 'unti'])).toThrow('No part is named "unti"');
  expect(parseArguments(['--seeds', '1000']).seeds).toBe('1000');
  expect(() => parseArguments(['--seeds', 'many'])).toThrow('--seeds needs a whole number');
  expect(parseArguments(['--seed', '45']).seed).toBe('45');
  expect(() => parseArguments(['--seed', '0'])).toThrow('--seed needs a whole number');
  expect(() => parseArguments(['--watch'])).toThrow('not --watch');
});
