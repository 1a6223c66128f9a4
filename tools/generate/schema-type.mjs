/**
 * The TypeScript type of a JSON Schema as OpenAPI 3 writes them (3.0's `nullable` and 3.1's lists of types). What
 * TypeScript cannot say (ranges, patterns) is left out; a schema without a type is `unknown`.
 */
export function schemaType(schema) {
  if (schema === undefined || schema === true) return 'unknown';
  if (schema === false) return 'never';
  const type = plainType(schema);
  return schema.nullable === true ? `${type} | null` : type;
}

function plainType(schema) {
  if (schema.$ref !== undefined) return refName(schema.$ref);
  if ('const' in schema) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return union(schema.enum.map((value) => JSON.stringify(value)));
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return union(choices.map(schemaType));
  if (schema.allOf !== undefined) return schema.allOf.map((part) => `(${schemaType(part)})`).join(' & ');
  if (Array.isArray(schema.type)) return union(schema.type.map((type) => plainType({ ...schema, type })));
  return typeOf(schema);
}

function typeOf(schema) {
  switch (schema.type) {
    case 'string':
      return 'string';
    case 'number':
    case 'integer':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'null':
      return 'null';
    case 'array':
      return `readonly (${schemaType(schema.items)})[]`;
    case 'object':
      return objectType(schema);
    default:
      return schema.properties === undefined ? 'unknown' : objectType(schema);
  }
}

function objectType(schema) {
  const named = Object.entries(schema.properties ?? {});
  if (named.length === 0) return `Readonly<Record<string, ${indexType(schema)}>>`;
  const required = new Set(schema.required ?? []);
  const members = named.map(([name, member]) => {
    const doc = comment(member.description);
    const optional = required.has(name) ? '' : '?';
    // With exactOptionalPropertyTypes a caller could not pass on a value that may be undefined.
    const type = required.has(name) ? schemaType(member) : `${schemaType(member)} | undefined`;
    return `${doc}readonly ${propertyName(name)}${optional}: ${type};`;
  });
  return `{ ${members.join('\n')} }`;
}

function indexType(schema) {
  const [pattern] = Object.values(schema.patternProperties ?? {});
  const rest = schema.additionalProperties ?? pattern;
  return rest === undefined || rest === false ? schemaType(pattern) : schemaType(rest);
}

/** `#/components/schemas/Device` is the type `Device`. */
export function refName(ref) {
  return pascal(ref.split('/').at(-1));
}

/** A documentation comment, or nothing. */
export function comment(text) {
  return text === undefined ? '' : `\n/** ${text.replaceAll('*/', '* /').replaceAll(/\s*\n\s*/g, ' ')} */\n`;
}

/** A name as it stands in an object type: quoted only where it has to be. */
export function propertyName(name) {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}

/** `device-state` becomes `DeviceState`. */
export function pascal(name) {
  return name
    .split(/[^A-Za-z0-9]+/)
    .filter(Boolean)
    .map((word) => word[0].toUpperCase() + word.slice(1))
    .join('');
}

function union(types) {
  return [...new Set(types)].join(' | ') || 'never';
}
