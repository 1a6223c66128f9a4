import { expect, test } from 'vitest';
import { waitFor, within } from './wait.js';

test('waits until the probe gives something, taking a throw as not yet', async () => {
  let calls = 0;
  const value = await waitFor(() => {
    calls++;
    if (calls === 1) throw new Error('not there');
    return calls < 3 ? undefined : { calls };
  });
  expect(value).toEqual({ calls: 3 });
});

test('tells what it waited for and the last error', async () => {
  const never = waitFor(
    () => {
      throw new Error('connection refused');
    },
    { timeoutMs: 60, what: 'the server' },
  );
  await expect(never).rejects.toThrow('Waited 60 ms for the server: connection refused');
});

test('within rejects a promise that takes too long and passes on one that does not', async () => {
  await expect(within(new Promise(() => {}), 20, 'The answer')).rejects.toThrow(
    'The answer took longer than 20 ms',
  );
  await expect(within(Promise.resolve(4), 1000, 'The answer')).resolves.toBe(4);
});
