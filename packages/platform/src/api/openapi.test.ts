import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openapiDocument } from './openapi.js';
import { assertGrown, findNarrowing } from './openapi-growth.js';

const frozen = new URL('../../../client/openapi/v1.json', import.meta.url);

describe('the frozen document', () => {
  it('is what the server emits', async () => {
    expect(JSON.parse(readFileSync(frozen, 'utf8'))).toEqual(await openapiDocument());
  });

  it('describes every member it names and resolves every reference', async () => {
    const text = JSON.stringify(await openapiDocument());
    const { components } = JSON.parse(text) as { components: { schemas: Record<string, unknown> } };
    const names = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]!);
    expect(names.length).toBeGreaterThan(10);
    for (const name of names)
      expect(Object.keys(components.schemas).map((key) => `#/components/schemas/${key}`)).toContain(name);
  });
});

const schema = (properties: object, required: string[] = []) => ({ type: 'object', properties, required });
function document(change: { parameters?: object[]; body?: object; answer?: object; path?: string }): object {
  return {
    paths: {
      [change.path ?? '/a']: {
        get: {
          operationId: 'a',
          parameters: change.parameters ?? [
            { name: 'q', in: 'query', schema: { type: 'string', enum: ['x', 'y'] } },
          ],
          requestBody: {
            content: { json: { schema: change.body ?? schema({ n: { type: 'integer', maximum: 9 } }) } },
          },
          responses: {
            200: { content: { json: { schema: change.answer ?? schema({ m: { type: 'string' } }, ['m']) } } },
          },
        },
      },
    },
  };
}
const query = (enumeration: string[], more: object = {}) => ({
  name: 'q',
  in: 'query',
  schema: { type: 'string', enum: enumeration },
  ...more,
});

describe('growth', () => {
  it('allows what old clients do not notice', () => {
    for (const after of [
      document({}),
      document({ parameters: [query(['x', 'y', 'z']), { name: 'r', in: 'query', schema: {} }] }),
      document({ body: schema({ n: { type: 'integer', maximum: 10 }, o: {} }) }),
      document({ answer: schema({ m: { type: 'string' }, more: {} }, ['m', 'more']) }),
    ])
      expect(findNarrowing(document({}), after)).toEqual([]);
  });

  it('refuses removal and narrowing, and says where', () => {
    for (const [after, text] of [
      [document({ path: '/b' }), 'GET /a is gone'],
      [document({ parameters: [] }), 'parameter "q" is gone'],
      [document({ parameters: [query(['x'])] }), 'no longer takes "y"'],
      [document({ parameters: [query(['x', 'y'], { required: true })] }), 'newly required'],
      [document({ body: schema({ n: { type: 'integer', maximum: 8 } }) }), 'narrower maximum'],
      [document({ body: schema({ n: { type: 'integer', maximum: 9 } }, ['n']) }), '"n" is newly required'],
      [document({ body: schema({}) }), 'member "n" is gone'],
      [document({ answer: schema({ m: { type: 'number' } }, ['m']) }), 'another type'],
      [document({ answer: schema({ m: { type: 'string' } }) }), 'may newly be absent'],
      [document({ answer: schema({}) }), 'member "m" is gone'],
    ] as const) {
      expect(findNarrowing(document({}), after).join()).toContain(text);
      expect(() => assertGrown(document({}), after)).toThrow(/only grow/);
    }
  });
});
