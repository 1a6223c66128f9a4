import { join } from 'node:path';
import { root } from '../setup/root.mjs';
import { run, runBin } from '../setup/run.mjs';
import { noTests } from '../test-parts/tally.mjs';
import { checkProject } from './check.mjs';

/** Runs every check of tidy, prints all findings as `file:line message`, and counts each check as one test. */
export async function runTidy(print) {
  const tally = noTests();
  const count = (name, complaints) => {
    for (const complaint of complaints) print(complaint);
    if (complaints.length === 0) tally.passed += 1;
    else {
      tally.failed += 1;
      tally.failures.push(`${name} (${complaints.length} to put right)`);
    }
  };
  const findings = checkProject(root);
  count(
    'house rules',
    findings.map(({ path, line, rule, message }) => `${path}:${line} [${rule}] ${message}`),
  );
  count('generated files', await staleGenerated());
  count('format and lint', await biomeFindings());
  return tally;
}

async function staleGenerated() {
  const { code, output } = await run(process.execPath, [join(root, 'tools/generate/main.mjs'), '--check'], {
    capture: true,
  });
  return code === 0 ? [] : output.trim().split('\n');
}

async function biomeFindings() {
  const args = [
    'check',
    '--reporter=github',
    '--diagnostic-level=warn',
    '--max-diagnostics=none',
    '--error-on-warnings',
  ];
  const { code, output } = await runBin('biome', args, { capture: true });
  if (code === 0) return [];
  const found = [...output.matchAll(/^::\w+ title=([^,]*),file=([^,]*),line=(\d+)[^:]*::(.*)$/gm)].map(
    ([, title, file, line, message]) =>
      `${file.replace(`${root}/`, '')}:${line} [${title}] ${decode(message)}`,
  );
  return found.length > 0 ? found : output.trim().split('\n');
}

/** The reporter escapes what would end its line. */
function decode(message) {
  if (message.startsWith('Formatter would'))
    return 'not formatted; run node_modules/.bin/biome check --write';
  return message.replaceAll('%0A', ' ').replaceAll('%0D', '').replaceAll('%25', '%');
}
