import { isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { MillraceError } from '../errors.js';
import type { Field, Infer, ObjectField } from './fields.js';

/** One thing wrong with a configuration file. `path` is dotted, `line` counts from 1. */
export interface ConfigProblem {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

export type ConfigResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

interface Context {
  readonly problems: ConfigProblem[];
  readonly lineOf: (node: Node | null | undefined, parent: Node | null | undefined) => number;
}

/**
 * Reads YAML text against a declaration and reports every problem at once, each with its line.
 * Unknown keys are problems too: a misspelt key that is silently ignored is how plants get the default they did not want.
 */
export function parseConfig<F extends Field>(text: string, declaration: F): ConfigResult<Infer<F>> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const problems: ConfigProblem[] = document.errors.map((error) => ({
    path: '',
    line: lines.linePos(error.pos[0]).line,
    message: `not valid YAML: ${error.message}`,
  }));
  if (problems.length > 0) return { ok: false, problems };
  const lineOf: Context['lineOf'] = (node, parent) => {
    const offset = node?.range?.[0] ?? parent?.range?.[0] ?? 0;
    return lines.linePos(offset).line;
  };
  const value = readField(document.contents as Node | null, null, declaration, '', { problems, lineOf });
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: value as Infer<F> };
}

/** The problems as one error whose message lists each on a line `file:line path: message`. */
export function configError(file: string, problems: readonly ConfigProblem[]): MillraceError {
  const list = problems.map((p) => `${file}:${p.line} ${p.path ? `${p.path}: ` : ''}${p.message}`);
  return new MillraceError('config_invalid', list.join('\n'), { details: { file, problems } });
}

function readField(
  node: Node | null,
  parent: Node | null,
  field: Field,
  path: string,
  context: Context,
): unknown {
  if (field.kind === 'optional') {
    return isAbsent(node) ? undefined : readField(node, parent, field.item as Field, path, context);
  }
  if (isAbsent(node)) {
    if ('default' in field && field.default !== undefined) {
      return field.kind === 'object' ? readObject(null, parent, field, path, context) : field.default;
    }
    return problem(node, parent, path, `is required (${field.doc})`, context);
  }
  switch (field.kind) {
    case 'object':
      return readObject(node, parent, field, path, context);
    case 'variant': {
      const variants = Object.keys(field.variants).join(', ');
      const type = isMap(node) ? node.get(field.discriminator) : undefined;
      const chosen = typeof type === 'string' ? field.variants[type] : undefined;
      if (!chosen)
        return problem(
          node,
          parent,
          path,
          `needs "${field.discriminator}" to be one of ${variants}`,
          context,
        );
      const value = readObject(node, parent, chosen, path, context, field.discriminator);
      return value === undefined ? undefined : { [field.discriminator]: type, ...value };
    }
    case 'list':
      if (!isSeq(node)) return problem(node, parent, path, 'must be a list', context);
      if (node.items.length < (field.minItems ?? 0)) {
        problem(node, parent, path, `needs at least ${field.minItems} item(s)`, context);
      }
      return node.items.map((item, i) => readField(item as Node, node, field.item, `${path}[${i}]`, context));
    case 'map': {
      if (!isMap(node)) return problem(node, parent, path, 'must be a map of names to values', context);
      const result: Record<string, unknown> = {};
      for (const pair of node.items) {
        const key = String(isScalar(pair.key) ? pair.key.value : pair.key);
        const at = join(path, key);
        if (field.keyPattern && !field.keyPattern.test(key)) {
          problem(
            pair.key as Node,
            node,
            at,
            `is not a valid name: ${field.keyDoc ?? field.keyPattern.source}`,
            context,
          );
        }
        result[key] = readField(pair.value as Node | null, pair.key as Node, field.item, at, context);
      }
      return result;
    }
    default:
      return readScalar(node, parent, field, path, context);
  }
}

function readObject(
  node: Node | null,
  parent: Node | null,
  field: ObjectField,
  path: string,
  context: Context,
  discriminator?: string,
): Record<string, unknown> | undefined {
  if (node !== null && !isMap(node)) {
    problem(node, parent, path, 'must be a map of settings', context);
    return undefined;
  }
  for (const pair of node?.items ?? []) {
    if (!isPair(pair)) continue;
    const key = String(isScalar(pair.key) ? pair.key.value : pair.key);
    if (key === discriminator || Object.hasOwn(field.properties, key)) continue;
    const near = nearest(key, Object.keys(field.properties));
    const hint = near ? ` (did you mean "${near}"?)` : '';
    problem(pair.key as Node, node, join(path, key), `is not a known setting${hint}`, context);
  }
  const result: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(field.properties)) {
    const child = (node?.get(name, true) as Node | undefined) ?? null;
    const value = readField(child, node ?? parent, member, join(path, name), context);
    if (value !== undefined) result[name] = value;
  }
  return result;
}

function readScalar(
  node: Node | null,
  parent: Node | null,
  field: Exclude<Field, { kind: 'object' | 'variant' | 'list' | 'map' | 'optional' }>,
  path: string,
  context: Context,
): unknown {
  const value = isScalar(node) ? node.value : undefined;
  const shown = field.secret ? 'the given value' : JSON.stringify(value ?? null);
  if (field.kind === 'boolean') {
    return typeof value === 'boolean'
      ? value
      : problem(node, parent, path, `must be true or false, not ${shown}`, context);
  }
  if (field.kind === 'string') {
    if (typeof value !== 'string') return problem(node, parent, path, `must be text, not ${shown}`, context);
    if (field.options && !field.options.includes(value)) {
      return problem(node, parent, path, `must be one of ${field.options.join(', ')}, not ${shown}`, context);
    }
    if (field.pattern && !field.pattern.test(value)) {
      return problem(
        node,
        parent,
        path,
        `${shown} is not valid: ${field.patternDoc ?? field.pattern.source}`,
        context,
      );
    }
    return value;
  }
  const unit = field.unit ? ` ${field.unit}` : '';
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    return problem(node, parent, path, `must be a number, not ${shown}`, context);
  }
  if (field.kind === 'integer' && !Number.isInteger(value)) {
    return problem(node, parent, path, `must be a whole number, not ${shown}`, context);
  }
  if (field.min !== undefined && value < field.min) {
    return problem(node, parent, path, `must be at least ${field.min}${unit}, not ${shown}`, context);
  }
  if (field.max !== undefined && value > field.max) {
    return problem(node, parent, path, `must be at most ${field.max}${unit}, not ${shown}`, context);
  }
  return value;
}

function problem(
  node: Node | null,
  parent: Node | null,
  path: string,
  message: string,
  context: Context,
): undefined {
  context.problems.push({ path, line: context.lineOf(node, parent), message });
  return undefined;
}

function isAbsent(node: Node | null): node is null {
  return node === null || (isScalar(node) && node.value === null);
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

/** The known name within two edits of the given one, if any. */
function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = 3;
  for (const candidate of known) {
    const distance = editDistance(word, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(previous[j]! + 1, current[j - 1]! + 1, substitution));
    }
    previous = current;
  }
  return previous[b.length]!;
}
