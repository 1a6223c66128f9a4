interface Version {
  readonly core: readonly number[];
  readonly pre: readonly string[];
}

/** Reads `1.2.3`, `v1.2`, `1.2.3-rc.1+build`; undefined for anything else. */
function readVersion(text: string): Version | undefined {
  const found =
    /^v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/.exec(
      text.trim(),
    );
  if (found === null) return undefined;
  return { core: [1, 2, 3].map((i) => Number(found[i] ?? 0)), pre: found[4]?.split('.') ?? [] };
}

/**
 * Compares firmware versions by the order of semver 2.0.0 (clause 11), so that 10.0.0 is newer than 2.0.0. Negative:
 * `a` is older. Undefined when either is no such version: nothing may then be concluded.
 */
export function compareFirmware(a: string, b: string): number | undefined {
  const left = readVersion(a);
  const right = readVersion(b);
  if (left === undefined || right === undefined) return undefined;
  for (let i = 0; i < 3; i++) if (left.core[i] !== right.core[i]) return left.core[i]! - right.core[i]!;
  // A version before the release is older than the release.
  if (left.pre.length === 0 || right.pre.length === 0) return right.pre.length - left.pre.length;
  for (let i = 0; i < Math.min(left.pre.length, right.pre.length); i++) {
    const order = comparePart(left.pre[i]!, right.pre[i]!);
    if (order !== 0) return order;
  }
  return left.pre.length - right.pre.length;
}

function comparePart(a: string, b: string): number {
  const numeric = [a, b].map((part) => /^\d+$/.test(part));
  if (numeric[0] && numeric[1]) return Number(a) - Number(b);
  if (numeric[0] !== numeric[1]) return numeric[0] ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
