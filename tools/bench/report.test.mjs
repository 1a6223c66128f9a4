import { expect, test } from 'vitest';
import { medianRun, readResult, table } from './report.mjs';

test('the result is the last line, and only an object counts', () => {
  expect(readResult('warming up\n{"bench":"x","messages_per_s":2}\n\n')).toEqual({
    bench: 'x',
    messages_per_s: 2,
  });
  expect(readResult('{"bench":"x"}\ndone')).toBeUndefined();
  expect(readResult('[1]')).toBeUndefined();
  expect(readResult('')).toBeUndefined();
});

test('the median run is a run that took place', () => {
  const runs = [5, 1, 4, 2, 3].map((n) => ({ bench: 'x', messages_per_s: n, run: n }));
  expect(medianRun(runs).run).toBe(3);
  expect(medianRun([{ ms: 9 }, { ms: 7 }]).ms).toBe(7);
});

test('nested results become rows', () => {
  expect(table({ rate: 12345.678, peer: { rate: 3 }, tls: false, other: null })).toBe(
    ['rate       12,345.68', 'peer.rate  3', 'tls        false', 'other      -'].join('\n'),
  );
});
