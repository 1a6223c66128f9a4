import { MillraceError } from '@millrace/foundation';

type Json = { readonly [key: string]: unknown };

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const object = (value: unknown): Json => (isObject(value) ? value : {});
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const word = (value: unknown): string => JSON.stringify(value);

/**
 * What a client made from the old document would miss or trip over in the new one, one line each. Requests may only
 * get wider (nothing newly required, no value newly refused), answers may only get richer (no member gone, none
 * that may newly be absent or of another type).
 */
export function findNarrowing(before: object, after: object): string[] {
  const found: string[] = [];
  const oldPaths = object((before as Json).paths);
  const newPaths = object((after as Json).paths);
  for (const [path, item] of Object.entries(oldPaths))
    for (const [method, operation] of Object.entries(object(item))) {
      const now = object(newPaths[path])[method];
      const at = `${method.toUpperCase()} ${path}`;
      if (now === undefined) found.push(`${at} is gone`);
      else compareOperation(object(operation), object(now), at, found);
    }
  const schemasOf = (document: object) => object(object((document as Json).components).schemas);
  const newSchemas = schemasOf(after);
  for (const [name, schema] of Object.entries(schemasOf(before)))
    if (newSchemas[name] === undefined) found.push(`schema ${name} is gone`);
    else compareAnswer(schema, newSchemas[name], name, found);
  return found;
}

/** Throws `config_invalid` listing what `findNarrowing` found. */
export function assertGrown(before: object, after: object): void {
  const found = findNarrowing(before, after);
  if (found.length > 0)
    throw new MillraceError(
      'config_invalid',
      `The API may only grow within a version, but: ${found.join('; ')}. Bring these back, or begin a new version.`,
    );
}

function compareOperation(before: Json, after: Json, at: string, found: string[]): void {
  if (before.operationId !== after.operationId)
    found.push(`${at} was ${word(before.operationId)} and is ${word(after.operationId)}`);
  const oldParameters = list(before.parameters).map(object);
  const newParameters = list(after.parameters).map(object);
  const same = (a: Json, b: Json) => a.name === b.name && a.in === b.in;
  for (const old of oldParameters) {
    const now = newParameters.find((one) => same(one, old));
    if (now === undefined) found.push(`${at} parameter ${word(old.name)} is gone`);
    else compareRequest(old.schema, now.schema, `${at} parameter ${word(old.name)}`, found);
    if (now?.required === true && old.required !== true)
      found.push(`${at} parameter ${word(old.name)} is newly required`);
  }
  for (const now of newParameters)
    if (now.required === true && !oldParameters.some((old) => same(old, now)))
      found.push(`${at} parameter ${word(now.name)} is new and required`);
  const body = (operation: Json) => content(operation.requestBody);
  if (body(after) !== undefined && body(before) === undefined) found.push(`${at} newly needs a body`);
  compareRequest(body(before), body(after), `${at} body`, found);
  for (const [status, response] of Object.entries(object(before.responses))) {
    const now = object(after.responses)[status];
    if (now === undefined) found.push(`${at} no longer answers ${status}`);
    else compareAnswer(content(response), content(now), `${at} answer ${status}`, found);
  }
}

function content(holder: unknown): unknown {
  return object(Object.values(object(object(holder).content))[0]).schema;
}

/** A request's schema: whatever was taken before must still be taken. */
function compareRequest(before: unknown, after: unknown, at: string, found: string[]): void {
  if (!isObject(before) || !isObject(after)) return;
  if (word(before.type) !== word(after.type)) found.push(`${at} has another type`);
  for (const [name, narrower] of [
    ['minimum', (a: number, b: number) => b > a],
    ['minLength', (a: number, b: number) => b > a],
    ['maximum', (a: number, b: number) => b < a],
    ['maxLength', (a: number, b: number) => b < a],
  ] as const) {
    const [a, b] = [before[name], after[name]];
    const open = name.startsWith('min') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    if (typeof b === 'number' && narrower(typeof a === 'number' ? a : open, b))
      found.push(`${at} has a narrower ${name}`);
  }
  const values = list(after.enum);
  if (values.length > 0) {
    const missing =
      before.enum === undefined ? ['others'] : list(before.enum).filter((one) => !values.includes(one));
    for (const one of missing) found.push(`${at} no longer takes ${word(one)}`);
  }
  for (const name of list(after.required))
    if (!list(before.required).includes(name)) found.push(`${at} member ${word(name)} is newly required`);
  for (const [name, schema] of Object.entries(object(before.properties))) {
    const now = object(after.properties)[name];
    if (now === undefined) found.push(`${at} member ${word(name)} is gone`);
    else compareRequest(schema, now, `${at} member ${word(name)}`, found);
  }
}

/** An answer's schema: whatever a reader relied on must still hold. */
function compareAnswer(before: unknown, after: unknown, at: string, found: string[]): void {
  if (!isObject(before)) return;
  if (!isObject(after)) {
    found.push(`${at} is gone`);
    return;
  }
  for (const name of ['type', '$ref', 'const'] as const)
    if (word(before[name]) !== word(after[name])) found.push(`${at} has another ${name}`);
  if (before.enum !== undefined)
    for (const one of after.enum === undefined ? ['others'] : list(after.enum))
      if (!list(before.enum).includes(one)) found.push(`${at} newly gives ${word(one)}`);
  for (const name of list(before.required))
    if (!list(after.required).includes(name)) found.push(`${at} member ${word(name)} may newly be absent`);
  for (const [name, schema] of Object.entries(object(before.properties)))
    compareAnswer(schema, object(after.properties)[name], `${at} member ${word(name)}`, found);
  if (before.items !== undefined) compareAnswer(before.items, after.items, `${at} items`, found);
  for (const name of ['anyOf', 'allOf'] as const) {
    const [old, now] = [list(before[name]), list(after[name])];
    if (old.length !== now.length) found.push(`${at} has another ${name}`);
    else for (const [i, one] of old.entries()) compareAnswer(one, now[i], `${at} ${name}[${i}]`, found);
  }
}
