import { expect, test } from 'vitest';
import { runProgram, startProgram } from './product.js';

const node = (code: string) => startProgram(process.execPath, ['-e', code]);

test('captures output and tells how the program ended', async () => {
  const result = await runProgram(process.execPath, [
    '-e',
    'console.log("out"); console.error("err"); process.exit(3)',
  ]);
  expect(result).toEqual({ code: 3, signal: null, stdout: 'out\n', stderr: 'err\n' });
});

test('waits for a line, and stop asserts a clean end', async () => {
  const program = node(
    'process.on("SIGINT", () => process.exit(0)); setInterval(() => {}, 1000); console.log("ready on 1")',
  );
  expect(await program.waitForLine(/^ready/)).toBe('ready on 1');
  expect((await program.stop()).code).toBe(0);
  expect(program.running).toBe(false);
});

test('stop fails when the program does not end with code 0', async () => {
  const program = node(
    'process.on("SIGINT", () => process.exit(7)); setInterval(() => {}, 1000); console.log("up")',
  );
  await program.waitForLine(/up/);
  await expect(program.stop()).rejects.toThrow('stopped with code 7');
});

test('a program that ends before its line is told at once, with what it printed', async () => {
  const program = node('console.error("no such file"); process.exit(1)');
  await expect(program.waitForLine(/ready/)).rejects.toThrow(/ended \(code 1\) before [\s\S]*no such file/);
});

test('kill ends it without a word', async () => {
  const program = node('setInterval(() => {}, 1000); console.log("up")');
  await program.waitForLine(/up/);
  await program.kill();
  expect((await program.exited()).signal).toBe('SIGKILL');
});
