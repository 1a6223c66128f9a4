/**
 * Takes away the findings that are waived, and adds one for each waiver that waives nothing any more: the list may
 * only shrink. A waiver is `{rule, file, name?, why}`; `name` picks one function.
 */
export function applyWaivers(findings, waivers) {
  const used = new Set();
  const left = findings.filter((finding) => {
    const index = waivers.findIndex((waiver) => matches(waiver, finding));
    if (index === -1) return true;
    used.add(index);
    return false;
  });
  const path = 'tools/tidy/waivers.json';
  const complaints = waivers.flatMap((waiver, index) => {
    const told = `the waiver of ${waiver.rule} for ${waiver.file}${waiver.name ? ` (${waiver.name})` : ''}`;
    const unused = used.has(index)
      ? []
      : [{ rule: 'waivers', path, line: 1, message: `${told} is not needed; delete it` }];
    const silent = waiver.why
      ? []
      : [{ rule: 'waivers', path, line: 1, message: `${told} does not say why` }];
    return [...unused, ...silent];
  });
  return [...left, ...complaints];
}

function matches(waiver, finding) {
  return (
    waiver.rule === finding.rule &&
    waiver.file === finding.path &&
    (waiver.name === undefined || waiver.name === finding.name)
  );
}
