import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readIfThere } from '../setup/files.mjs';
import { root } from '../setup/root.mjs';
import { binPath } from '../setup/run.mjs';
import { renderClient } from './client.mjs';
import { format } from './format.mjs';
import { schemaType } from './schema-type.mjs';

const json = (schema) => ({ content: { 'application/json': { schema } } });
const openapi = {
  openapi: '3.1.0',
  paths: {
    '/v1/devices/{id}/gaps': {
      get: {
        summary: 'Gaps of a device',
        parameters: [
          { in: 'path', name: 'id', required: true, schema: { type: 'string' } },
          { in: 'query', name: 'limit', schema: { type: 'integer' } },
          { in: 'query', name: 'from-time', schema: { type: 'string' } },
        ],
        responses: { 200: json({ type: 'array', items: { $ref: '#/components/schemas/Gap' } }) },
      },
    },
    '/v1/tokens': {
      post: {
        operationId: 'createToken',
        requestBody: {
          required: true,
          ...json({
            type: 'object',
            required: ['role'],
            properties: { role: { enum: ['viewer', 'admin'] } },
          }),
        },
        responses: {
          201: json({ type: 'object', required: ['token'], properties: { token: { type: 'string' } } }),
        },
      },
    },
    '/v1/session': { delete: { operationId: 'signOut', responses: { 204: { description: 'Done' } } } },
    '/v1/stream': {
      get: { operationId: 'stream', responses: { 200: { content: { 'text/event-stream': {} } } } },
    },
  },
  components: {
    schemas: {
      Gap: {
        type: 'object',
        required: ['kind', 'closed_at'],
        properties: {
          kind: { anyOf: [{ const: 'gap' }, { const: 'silence' }] },
          closed_at: { type: ['string', 'null'], description: 'When it closed.' },
          cause: { type: 'string' },
        },
      },
    },
  },
};

describe('schemaType', () => {
  const cases = [
    [{ type: 'string', nullable: true }, 'string | null'],
    [{ type: ['integer', 'null'] }, 'number | null'],
    [{ enum: ['a', 1, null] }, '"a" | 1 | null'],
    [{ type: 'array', items: { type: ['number', 'null'] } }, 'readonly (number | null)[]'],
    [{ type: 'object', additionalProperties: { type: 'number' } }, 'Readonly<Record<string, number>>'],
    [
      { type: 'object', patternProperties: { '^.*$': { type: 'string' } } },
      'Readonly<Record<string, string>>',
    ],
    [{ allOf: [{ $ref: '#/components/schemas/A' }, { $ref: '#/components/schemas/b-c' }] }, '(A) & (BC)'],
    [{}, 'unknown'],
  ];
  test.each(cases)('%j', (schema, type) => {
    expect(schemaType(schema)).toBe(type);
  });
});

test('the generated client compiles under the strict settings, and refuses what the API would refuse', () => {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-client-'));
  const transport = readIfThere(join(root, 'packages/client/src/transport.ts'));
  const use = (lines) => `import { createApi } from './api.js';
import { createTransport } from './transport.js';
export const api = createApi(createTransport({ baseUrl: '' }));
${lines}`;
  writeFileSync(join(dir, 'transport.ts'), transport);
  writeFileSync(join(dir, 'api.ts'), format('packages/client/src/api.generated.ts', renderClient(openapi)));
  writeFileSync(
    join(dir, 'good.ts'),
    use(`export const gaps = (await api.getDevicesByIdGaps('P-101', { limit: 5 })).map((gap) => gap.closed_at ?? gap.kind);
export const token: string = (await api.createToken({ role: 'admin' })).token;
export const done: undefined | void = await api.signOut();
export const body = (await api.stream()).body;`),
  );
  writeFileSync(join(dir, 'bad.ts'), use(`await api.createToken({ role: 'king' });`));
  const flags = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', '--types', ''];
  const target = ['--module', 'nodenext', '--target', 'es2022', '--lib', 'es2023,dom,dom.iterable'];
  writeFileSync(join(dir, 'package.json'), '{"type":"module"}');
  const compile = (file) => {
    try {
      execFileSync(process.execPath, [binPath('tsc'), ...flags, ...target, file], {
        cwd: dir,
        encoding: 'utf8',
      });
      return '';
    } catch (error) {
      return error.stdout;
    }
  };
  const results = [compile('good.ts'), compile('bad.ts')];
  rmSync(dir, { recursive: true, force: true });
  expect(results[0]).toBe('');
  expect(results[1]).toContain('"king"');
});
