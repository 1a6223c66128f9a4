import { schemaType } from './schema-type.mjs';

const methods = ['get', 'post', 'put', 'patch', 'delete'];

/**
 * What callers of the API may rely on, one sorted line each: operations, parameters, body fields and the values they
 * accept, what may be left out, and the fields of answers with their types. A line that goes is a broken promise; a
 * new line is growth. `demands` are what a call must give, where a new one is a broken promise as well.
 */
export function apiSurface(openapi) {
  const surface = { lines: new Set(), demands: new Set() };
  for (const [path, item] of Object.entries(openapi.paths)) {
    for (const method of methods) {
      if (item[method] === undefined) continue;
      const name = `${method.toUpperCase()} ${path}`;
      surface.lines.add(name);
      addParameters(surface, name, [...(item.parameters ?? []), ...(item[method].parameters ?? [])], openapi);
      const body = item[method].requestBody;
      const bodySchema = jsonOf(body?.content);
      if (bodySchema !== undefined) {
        const want = { surface, openapi, given: true };
        addOmission(surface, `${name} body`, body.required === true);
        addFields(want, `${name} body`, bodySchema, []);
      }
      addAnswers(surface, name, item[method].responses ?? {}, openapi);
    }
  }
  return { lines: [...surface.lines].sort(), demands: [...surface.demands].sort() };
}

function addParameters(surface, name, parameters, openapi) {
  for (const given of parameters) {
    const parameter = resolve(given, openapi);
    if (parameter.in === 'header' || parameter.in === 'cookie') continue;
    const where = `${name} ${parameter.in} ${parameter.name}`;
    addAccepted({ surface, openapi, given: true }, where, resolve(parameter.schema ?? {}, openapi));
    addOmission(surface, where, parameter.required === true);
  }
}

function addAnswers(surface, name, responses, openapi) {
  for (const [status, given] of Object.entries(responses)) {
    if (!/^2/.test(status)) continue;
    const response = resolve(given, openapi);
    surface.lines.add(`${name} answers ${status}`);
    const schema = jsonOf(response.content);
    if (schema !== undefined) addFields({ surface, openapi, given: false }, `${name} ${status}`, schema, []);
  }
}

function jsonOf(content) {
  return Object.entries(content ?? {}).find(([type]) => /json/.test(type))?.[1]?.schema;
}

/** Walks a body or an answer down to its fields; `seen` ends the walk where a schema holds itself. */
function addFields(want, where, given, seen) {
  if (given.$ref !== undefined && seen.includes(given.$ref)) return;
  const path = given.$ref === undefined ? seen : [...seen, given.$ref];
  const schema = resolve(given, want.openapi);
  for (const part of schema.allOf ?? []) addFields(want, where, part, path);
  for (const choice of schema.anyOf ?? schema.oneOf ?? []) {
    const inner = resolve(choice, want.openapi);
    if (inner.properties !== undefined || inner.items !== undefined) addFields(want, where, choice, path);
  }
  if (schema.items !== undefined) addFields(want, `${where}[]`, schema.items, path);
  const required = new Set(schema.required ?? []);
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    const field = `${where}.${name}`;
    addAccepted(want, field, resolve(member, want.openapi));
    if (want.given) addOmission(want.surface, field, required.has(name));
    else if (required.has(name)) want.surface.lines.add(`${field} is always there`);
    addFields(want, field, member, path);
  }
}

/** For what a caller gives: each value or type it may give. For an answer: the one type it has. */
function addAccepted({ surface, openapi, given }, where, schema) {
  const choices = (schema.anyOf ?? schema.oneOf ?? [schema]).map((choice) => resolve(choice, openapi));
  if (!given) {
    surface.lines.add(`${where}: ${typesOf(choices).join(' | ')}`);
    return;
  }
  for (const choice of choices) {
    const values = 'const' in choice ? [choice.const] : choice.enum;
    if (values === undefined)
      for (const type of typesOf([choice])) surface.lines.add(`${where} takes ${type}`);
    else for (const value of values) surface.lines.add(`${where} takes ${JSON.stringify(value)}`);
  }
}

/** The kinds of value, without the fields inside: these have lines of their own. */
function typesOf(choices) {
  const kinds = choices.flatMap((choice) => {
    if (choice.properties !== undefined || choice.type === 'object') return ['object'];
    if (choice.items !== undefined || choice.type === 'array') return ['array'];
    if (Array.isArray(choice.type))
      return choice.type.map((type) => (/^(object|array)$/.test(type) ? type : schemaType({ type })));
    // A value out of a list may get company, so an answer promises only the kind of value.
    const values = 'const' in choice ? [choice.const] : choice.enum;
    if (values !== undefined) return values.map((value) => (value === null ? 'null' : typeof value));
    return choice.nullable === true
      ? [schemaType({ ...choice, nullable: false }), 'null']
      : [schemaType(choice)];
  });
  return [...new Set(kinds)].sort();
}

function addOmission(surface, where, required) {
  if (required) surface.demands.add(where);
  else surface.lines.add(`${where} may be left out`);
}

function resolve(thing, openapi) {
  if (thing.$ref === undefined) return thing;
  const target = thing.$ref
    .replace(/^#\//, '')
    .split('/')
    .reduce((at, key) => at?.[key.replaceAll('~1', '/').replaceAll('~0', '~')], openapi);
  if (target === undefined)
    throw new Error(`The OpenAPI file refers to ${thing.$ref}, which it does not hold.`);
  return resolve(target, openapi);
}

/**
 * Compares the surface with the frozen lines: `broken` are promises not kept (a line that went, or a new demand on
 * an operation that callers know), `grown` are the new lines to freeze.
 */
export function compareSurface(frozenLines, { lines, demands }) {
  const frozen = new Set(frozenLines);
  const now = new Set(lines);
  const demandLine = (where) => `${where} is required`;
  const demanded = new Set(demands.map(demandLine));
  const gone = frozenLines.filter(
    (line) => !now.has(line) && !demanded.has(line) && !line.endsWith(' is required'),
  );
  const operationOf = (where) => where.split(' ').slice(0, 2).join(' ');
  const newDemands = demands.filter(
    (where) => frozen.has(operationOf(where)) && !frozen.has(demandLine(where)),
  );
  // Where the body as a whole became required, or a field of a body that nobody could send before, it is growth.
  const broken = newDemands.filter((where) => !isNewBranch(where, frozenLines));
  const all = [...lines, ...demands.map(demandLine)];
  return {
    broken: [
      ...gone.map((line) => `no longer holds: ${line}`),
      ...broken.map((where) => `${where} is now required`),
    ],
    grown: all.filter((line) => !frozen.has(line)),
  };
}

/** A required field inside a part of the body that is new is no demand on those who do not send that part. */
function isNewBranch(where, frozenLines) {
  const parent = where.slice(0, Math.max(where.lastIndexOf('.'), where.lastIndexOf('[]')));
  if (!/ body[.[]/.test(parent)) return false;
  return !frozenLines.some((line) => line.startsWith(`${parent} `));
}
