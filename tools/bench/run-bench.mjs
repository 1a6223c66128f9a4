import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { basename, join } from 'node:path';
import { walk } from '../setup/files.mjs';
import { root, say } from '../setup/root.mjs';
import { binPath } from '../setup/run.mjs';
import { medianRun, readResult, table } from './report.mjs';

/** The names of the benches: one file each in bench/. */
export function benchNames() {
  return walk(
    join(root, 'bench'),
    (path) => /\/bench\/[^/]+\.ts$/.test(path) && !path.endsWith('.test.ts'),
  ).map((path) => basename(path, '.ts'));
}

/**
 * Runs bench/<name>.ts against the built product, `--runs` times (the median is reported), writes
 * var/bench/<name>.json and prints a table and the result as the last line. Returns the exit code.
 */
export async function runBench(name, args) {
  const { runs, rest } = takeRuns(args);
  const results = [];
  for (let run = 1; run <= runs; run++) {
    if (runs > 1) say(`Run ${run} of ${runs}`);
    const { code, output } = await runOnce(name, rest);
    const result = readResult(output);
    if (result === undefined)
      say(`The bench ${name} ended (code ${code}) without a result on its last line.`);
    if (result === undefined || code !== 0) {
      if (result !== undefined) process.stdout.write(`${JSON.stringify(result)}\n`);
      return code === 0 ? 1 : code;
    }
    results.push(result);
  }
  const result = {
    ...medianRun(results),
    ...(runs > 1 ? { runs } : {}),
    commit: commit(),
    cpus: cpus().length,
  };
  const folder = join(root, 'var', 'bench');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
  process.stdout.write(`\n${table(result)}\n\n${JSON.stringify(result)}\n`);
  return 0;
}

function takeRuns(args) {
  const at = args.indexOf('--runs');
  if (at === -1) return { runs: 1, rest: args };
  const runs = Number(args[at + 1]);
  if (!Number.isInteger(runs) || runs < 1) throw new Error('--runs needs a whole number above 0.');
  return { runs, rest: [...args.slice(0, at), ...args.slice(at + 2)] };
}

function runOnce(name, args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [binPath('tsx'), join(root, 'bench', `${name}.ts`), ...args], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    let pending = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
      // The last line is held back: it is the result, and comes after the table.
      pending += text;
      const end = pending.trimEnd().lastIndexOf('\n') + 1;
      process.stdout.write(pending.slice(0, end));
      pending = pending.slice(end);
    });
    child.once('error', (error) => resolve({ code: 1, output: error.message }));
    child.once('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

function commit() {
  try {
    const options = { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] };
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], options).trim();
  } catch {
    return null;
  }
}
