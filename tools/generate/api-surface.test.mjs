import { describe, expect, test } from 'vitest';
import { apiSurface, compareSurface } from './api-surface.mjs';

const json = (schema) => ({ content: { 'application/json': { schema } } });

function api({ parameters, body, answer, path = '/v1/things' } = {}) {
  return {
    paths: {
      [path]: {
        post: {
          parameters: parameters ?? [{ in: 'query', name: 'limit', schema: { type: 'integer' } }],
          requestBody: {
            required: true,
            ...json(
              body ?? { type: 'object', required: ['role'], properties: { role: { enum: ['a', 'b'] } } },
            ),
          },
          responses: { 200: json(answer ?? { $ref: '#/components/schemas/Thing' }), 400: json({}) },
        },
      },
    },
    components: {
      schemas: {
        Thing: {
          type: 'object',
          required: ['id'],
          properties: {
            id: { type: 'string' },
            note: { type: ['string', 'null'] },
            children: { type: 'array', items: { $ref: '#/components/schemas/Thing' } },
          },
        },
      },
    },
  };
}

const freeze = (openapi) => compareSurface([], apiSurface(openapi)).grown;
const change = (later) => compareSurface(freeze(api()), apiSurface(api(later)));
const thing = (properties, required = ['id']) => ({ type: 'object', required, properties });

test('the surface says what callers may rely on', () => {
  expect(apiSurface(api())).toEqual({
    lines: [
      'POST /v1/things',
      'POST /v1/things 200.children: array',
      'POST /v1/things 200.id is always there',
      'POST /v1/things 200.id: string',
      'POST /v1/things 200.note: null | string',
      'POST /v1/things answers 200',
      'POST /v1/things body.role takes "a"',
      'POST /v1/things body.role takes "b"',
      'POST /v1/things query limit may be left out',
      'POST /v1/things query limit takes number',
    ],
    demands: ['POST /v1/things body', 'POST /v1/things body.role'],
  });
});

test('nothing changed means nothing broken and nothing grown', () => {
  expect(change({})).toEqual({ broken: [], grown: [] });
});

describe('growth', () => {
  const cases = {
    'a new optional parameter': {
      parameters: [
        ...api().paths['/v1/things'].post.parameters,
        { in: 'query', name: 'q', schema: { type: 'string' } },
      ],
    },
    'a value more to give': { body: thing({ role: { enum: ['a', 'b', 'c'] } }, ['role']) },
    'an optional field with required fields inside': {
      body: thing({ role: { enum: ['a', 'b'] }, more: thing({ x: { type: 'number' } }, ['x']) }, ['role']),
    },
    'a field that need not be given any more': { body: thing({ role: { enum: ['a', 'b'] } }, []) },
    'a field more in the answer': {
      answer: thing({
        id: { type: 'string' },
        note: { type: ['string', 'null'] },
        children: { type: 'array', items: { type: 'string' } },
        extra: { type: 'number' },
      }),
    },
  };
  test.each(Object.entries(cases))('%s', (_, later) => {
    const { broken, grown } = change(later);
    expect(broken).toEqual([]);
    expect(grown.length).toBeGreaterThan(0);
  });
});

describe('broken promises', () => {
  const cases = {
    'an operation that went': [{ path: '/v1/others' }, 'no longer holds: POST /v1/things'],
    'a parameter that went': [
      { parameters: [] },
      'no longer holds: POST /v1/things query limit takes number',
    ],
    'a parameter that became required': [
      { parameters: [{ in: 'query', name: 'limit', required: true, schema: { type: 'integer' } }] },
      'POST /v1/things query limit is now required',
    ],
    'a value that is no longer taken': [
      { body: thing({ role: { enum: ['a'] } }, ['role']) },
      'no longer holds: POST /v1/things body.role takes "b"',
    ],
    'a new field that must be given': [
      { body: thing({ role: { enum: ['a', 'b'] }, name: { type: 'string' } }, ['role', 'name']) },
      'POST /v1/things body.name is now required',
    ],
    'an answer whose field became nullable': [
      { answer: thing({ id: { type: ['string', 'null'] } }) },
      'no longer holds: POST /v1/things 200.id: string',
    ],
    'an answer whose field is not always there': [
      { answer: thing({ id: { type: 'string' } }, []) },
      'no longer holds: POST /v1/things 200.id is always there',
    ],
  };
  test.each(Object.entries(cases))('%s', (_, [later, message]) => {
    expect(change(later).broken).toContain(message);
  });
});
