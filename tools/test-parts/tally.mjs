/** Counts of one part, with the names of what was skipped and what failed. */
export function noTests() {
  return { passed: 0, failed: 0, skipped: 0, skips: [], failures: [] };
}

/** Adds the counts of `part` to `total`. */
export function add(total, part) {
  total.passed += part.passed;
  total.failed += part.failed;
  total.skipped += part.skipped;
  total.skips.push(...part.skips);
  total.failures.push(...part.failures);
}

/** The last line of a run, alone on its line, for people and for machines. */
export function closingLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/**
 * The counts in a report of vitest's json reporter. A file that could not even be read has no tests in the report
 * and counts as one failure; so does an exit code that nothing in the report explains.
 */
export function tallyVitest(part, report, exitCode, root) {
  const tally = noTests();
  if (report === undefined) return { ...tally, failed: 1, failures: [`${part}: vitest left no report`] };
  for (const file of report.testResults) {
    const name = file.name.startsWith(`${root}/`) ? file.name.slice(root.length + 1) : file.name;
    for (const test of file.assertionResults) countTest(tally, `${name} > ${test.fullName}`, test.status);
    const anyFailed = file.assertionResults.some((test) => test.status === 'failed');
    if (file.status === 'failed' && !anyFailed) {
      tally.failed += 1;
      tally.failures.push(`${name}: ${firstLine(file.message)}`);
    }
  }
  if (exitCode !== 0 && tally.failed === 0) {
    tally.failed = 1;
    tally.failures.push(`${part}: vitest ended with code ${exitCode} (an error outside any test, see above)`);
  }
  return tally;
}

function countTest(tally, name, status) {
  if (status === 'passed') tally.passed += 1;
  else if (status === 'failed') {
    tally.failed += 1;
    tally.failures.push(name);
  } else {
    tally.skipped += 1;
    tally.skips.push(name);
  }
}

function firstLine(text) {
  return (text ?? '').split('\n')[0];
}
