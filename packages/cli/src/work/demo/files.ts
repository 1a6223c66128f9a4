import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assertInvariant } from '@millrace/foundation';
import { defaultPorts, type PortPlan } from '../../runtime/ports.js';
import { productRoot } from '../../runtime/version.js';
import { blueprint, type DemoPlan } from './plan.js';

/**
 * Writes the configuration files of the demo from the blueprint's. A file that its owner has changed since is left
 * alone; returns the names of those.
 */
export function writeDemoFiles(plan: DemoPlan): readonly string[] {
  mkdirSync(join(plan.dataDir, 'pki'), { recursive: true, mode: 0o700 });
  const recordFile = join(plan.dataDir, 'run', 'demo.json');
  const record = readRecord(recordFile);
  const kept: string[] = [];
  const hashes: Record<string, string> = {};
  for (const [name, path] of [
    ['platform.yaml', plan.platformFile],
    ['gateway.yaml', plan.gatewayFile],
  ] as const) {
    const wanted = fillPorts(readBlueprint(name), plan.ports, name);
    const present = readText(path);
    const generated = record[name];
    if (present !== undefined && generated !== undefined && sha256(present) !== generated) {
      kept.push(path);
      hashes[name] = generated;
      continue;
    }
    if (present !== wanted) writeFileSync(path, wanted, { mode: 0o644 });
    hashes[name] = sha256(wanted);
  }
  writeFileSync(recordFile, JSON.stringify(hashes));
  return kept;
}

/**
 * The blueprint's text with its usual ports replaced by the plan's. Only whole numbers that stand behind a colon
 * are replaced (`127.0.0.1:8883`, `port: 5020`); comments keep what they say.
 */
export function fillPorts(text: string, ports: PortPlan, name: string): string {
  const wanted = new Map(
    (Object.keys(defaultPorts) as (keyof PortPlan)[]).map((key) => [defaultPorts[key], ports[key]]),
  );
  let replaced = 0;
  const lines = text.split('\n').map((line) => {
    if (line.trimStart().startsWith('#')) return line;
    return line.replace(/(:\s*)(\d{4,5})\b/g, (all, colon: string, number: string) => {
      const port = wanted.get(Number(number));
      if (port === undefined) return all;
      replaced++;
      return `${colon}${port}`;
    });
  });
  assertInvariant(replaced > 0, `the blueprint's ${name} names one of the usual ports`);
  return lines.join('\n');
}

export function blueprintFile(name: string): string {
  return join(productRoot, 'blueprints', blueprint, name);
}

function readBlueprint(name: string): string {
  return readFileSync(blueprintFile(name), 'utf8');
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function readRecord(path: string): Readonly<Record<string, string>> {
  const text = readText(path);
  try {
    return text === undefined ? {} : (JSON.parse(text) as Record<string, string>);
  } catch {
    return {};
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
