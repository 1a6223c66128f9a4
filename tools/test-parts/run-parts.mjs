import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuilt } from '../setup/build.mjs';
import { ensureInstalled } from '../setup/install.mjs';
import { root } from '../setup/root.mjs';
import { parts } from './parts.mjs';
import { add, closingLine, noTests } from './tally.mjs';
import { runTypes } from './types.mjs';
import { runVitest } from './vitest.mjs';

const print = (text) => process.stdout.write(`${text}\n`);

/** Reads `--part a,b`, `--long`, `--filter text`, `--seeds n` and `--seed n`; throws one sentence about anything else. */
export function parseArguments(words) {
  const wanted = {
    parts: parts.map((part) => part.name),
    long: false,
    filter: undefined,
    seeds: undefined,
    seed: undefined,
  };
  for (let i = 0; i < words.length; i++) {
    const [word, attached] = words[i].split(/=(.*)/s);
    const value = () => attached ?? words[++i] ?? '';
    if (word === '--long') wanted.long = true;
    else if (word === '--part') wanted.parts = value().split(',').filter(Boolean);
    else if (word === '--filter') wanted.filter = value();
    else if (word === '--seeds') wanted.seeds = wholeNumber(value(), word);
    else if (word === '--seed') wanted.seed = wholeNumber(value(), word);
    else throw new Error(`npm test knows --part, --long, --filter, --seeds and --seed, not ${word}.`);
  }
  const unknown = wanted.parts.find((name) => !parts.some((part) => part.name === name));
  if (unknown !== undefined || wanted.parts.length === 0)
    throw new Error(
      `No part is named "${unknown ?? ''}": there are ${parts.map((part) => part.name).join(', ')}.`,
    );
  return wanted;
}

function wholeNumber(text, word) {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`${word} needs a whole number above 0, not "${text}".`);
  return text;
}

/** Runs the wanted parts, all of them whatever fails, and ends with the counts. Returns the exit code. */
export async function runParts(wanted) {
  if (wanted.long) process.env.MILLRACE_TEST_LONG = '1';
  if (wanted.seeds !== undefined) process.env.MILLRACE_TEST_SEEDS = wanted.seeds;
  if (wanted.seed !== undefined) process.env.MILLRACE_TEST_SEED = wanted.seed;
  const total = noTests();
  const durations = {};
  const obtained = new Set();
  for (const part of parts.filter(({ name }) => wanted.parts.includes(name))) {
    const startedMs = performance.now();
    print(`\n== ${part.name}`);
    add(total, await runPart(part, wanted, obtained));
    const seconds = (performance.now() - startedMs) / 1000;
    durations[part.name] = Number(seconds.toFixed(1));
    const over = seconds > part.budgetS && !wanted.long ? `, over its budget of ${part.budgetS} s` : '';
    print(`== ${part.name} took ${seconds.toFixed(1)} s${over}`);
  }
  report(total, durations);
  return total.failed > 0 ? 1 : 0;
}

async function runPart(part, wanted, obtained) {
  try {
    await ensureInstalled();
    if (part.name === 'tidy') return await (await import('../tidy/part.mjs')).runTidy(print);
    if (part.name === 'types') return await runTypes(print);
    const files = part.files().filter((file) => wanted.filter === undefined || file.includes(wanted.filter));
    if (files.length === 0) {
      print('No test files.');
      return noTests();
    }
    const missing = [];
    for (const need of part.needs.filter((name) => !obtained.has(name))) {
      if (need === 'build') await build();
      else missing.push(...(await obtain()));
      obtained.add(need);
    }
    const tally = await runVitest(part, files);
    tally.failed += missing.length;
    tally.failures.push(...missing);
    return tally;
  } catch (error) {
    print(error.message);
    return { ...noTests(), failed: 1, failures: [`${part.name}: ${error.message}`] };
  }
}

/** Builds once, before; a process that a test starts must not build under the test's feet. */
async function build() {
  await ensureBuilt();
  process.env.MILLRACE_BUILD_CHECK = 'off';
}

/** Obtains the peers and names those that are missing; returns the failures: required ones, under CI. */
async function obtain() {
  const { obtainPeers } = await import('../services/obtain.mjs');
  const missing = (await obtainPeers()).filter((peer) => !peer.available);
  for (const peer of missing)
    print(`Without ${peer.name} (${peer.required ? 'required' : 'optional'}): ${peer.why}`);
  if (process.env.CI !== 'true') return [];
  return missing
    .filter((peer) => peer.required)
    .map((peer) => `the required peer ${peer.name} is missing: ${peer.why}`);
}

function report(total, durations) {
  const folder = join(root, 'var', 'test');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'durations.json'), `${JSON.stringify(durations, null, 2)}\n`);
  print(
    `\nDurations: ${Object.entries(durations)
      .map(([name, s]) => `${name} ${s} s`)
      .join(', ')}`,
  );
  for (const name of total.skips) print(`Skipped: ${name}`);
  for (const name of total.failures) print(`Failed: ${name}`);
  print(closingLine(total));
}
