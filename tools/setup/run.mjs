import { spawn } from 'node:child_process';
import { root } from './root.mjs';

/**
 * Runs a program to its end. Output goes to this command's own unless `capture` is set; standard input is empty, so
 * nothing can wait for a person. Resolves with the exit code (a signal counts as 128) and the captured text.
 */
export function run(file, args, { cwd = root, env = process.env, capture = false, toStderr = true } = {}) {
  return new Promise((resolve) => {
    // Standard output of what we start would mix with our own data, so by default it goes to standard error.
    const stdio = capture ? ['ignore', 'pipe', 'pipe'] : ['ignore', toStderr ? 2 : 1, 2];
    const child = spawn(file, args, { cwd, env, stdio });
    let output = '';
    const collect = (bytes) => {
      output += bytes.toString();
    };
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    child.once('error', (error) => resolve({ code: 127, output: `${output}${error.message}\n` }));
    child.once('close', (code) => resolve({ code: code ?? 128, output }));
  });
}

/** Runs one of the workspace's own tools (`tsc`, `biome`, `vitest`) with this Node. */
export function runBin(name, args, options) {
  return run(process.execPath, [binPath(name), ...args], options);
}

const bins = {
  tsc: 'node_modules/typescript/bin/tsc',
  biome: 'node_modules/@biomejs/biome/bin/biome',
  vitest: 'node_modules/vitest/vitest.mjs',
  vite: 'node_modules/vite/bin/vite.js',
  tsx: 'node_modules/tsx/dist/cli.mjs',
};

/** The script of one of the workspace's tools, absolute. */
export function binPath(name) {
  return `${root}/${bins[name]}`;
}
