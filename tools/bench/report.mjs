/**
 * What a bench printed: its result is the JSON object on the last line that is not empty; everything before it is
 * for people. Returns undefined where the last line is no JSON object.
 */
export function readResult(output) {
  const lines = output.trimEnd().split('\n');
  try {
    const result = JSON.parse(lines.at(-1));
    return typeof result === 'object' && result !== null && !Array.isArray(result) ? result : undefined;
  } catch {
    return undefined;
  }
}

/** The run in the middle, ordered by `messages_per_s` or else by the first number of the result. */
export function medianRun(results) {
  const key =
    'messages_per_s' in results[0]
      ? 'messages_per_s'
      : Object.keys(results[0]).find((name) => typeof results[0][name] === 'number');
  const sorted = [...results].sort((a, b) => (a[key] ?? 0) - (b[key] ?? 0));
  return sorted[Math.floor((sorted.length - 1) / 2)];
}

/** A result as a table of two columns; a nested object becomes rows of its own (`peer.messages_per_s`). */
export function table(result) {
  const rows = flatten(result);
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

function flatten(value, prefix = '') {
  return Object.entries(value).flatMap(([name, item]) => {
    if (item !== null && typeof item === 'object' && !Array.isArray(item))
      return flatten(item, `${prefix}${name}.`);
    return [[prefix + name, printable(item)]];
  });
}

function printable(value) {
  if (typeof value !== 'number') return value === null ? '-' : String(value);
  return Number.isInteger(value)
    ? value.toLocaleString('en')
    : value.toLocaleString('en', { maximumFractionDigits: 2 });
}
