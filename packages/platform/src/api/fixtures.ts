import { request as httpRequest } from 'node:http';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { openapiDocument } from './openapi.js';
import { routes } from './routes.js';

const ajv = new Ajv2020({ strict: false, validateFormats: false });
const documented = openapiDocument();
/** Operations of which a good answer was held against the document. */
export const checked = new Set<string>();

/** Every JSON answer of the tests is held against the document. */
async function conforms(method: string, path: string, status: number, body: unknown): Promise<void> {
  const route = routes.find(
    (one) =>
      one.group !== undefined &&
      one.method === method &&
      new RegExp(`^${one.url.replace(/:\w+/g, '[^/]+')}$`).test(path.split('?')[0]!),
  );
  if (route === undefined || (route.answerType !== undefined && status < 400)) return;
  if (ajv.getSchema('api') === undefined) ajv.addSchema(await documented, 'api');
  const at = route.url.replace(/:(\w+)/g, '{$1}').replaceAll('/', '~1');
  const success =
    route.operationId === 'create-token' || route.operationId === 'issue-certificate' ? 201 : 200;
  const schema =
    status >= 400
      ? 'api#/components/schemas/Problem'
      : `api#/paths/${encodeURIComponent(at)}/${method.toLowerCase()}/responses/${success}/content/application~1json/schema`;
  const validate = ajv.getSchema(schema) ?? ajv.compile({ $ref: schema });
  if (!validate(body)) throw new Error(`${method} ${path}: ${ajv.errorsText(validate.errors)}`);
  if (status < 400) checked.add(route.operationId);
}

/** Where the API under test is: its address, and its socket for local verbs. */
export interface ApiPlace {
  readonly base: () => string;
  readonly socket: () => string;
}

/** What tests call the API with. Every JSON answer of `call` is held against the document. */
export function callers(at: ApiPlace) {
  async function call(
    method: string,
    path: string,
    options: { token?: string; body?: unknown; headers?: Record<string, string> } = {},
  ) {
    const response = await fetch(`${at.base()}${path}`, {
      method,
      headers: {
        ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
        ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    });
    const text = await response.text();
    const body = (
      /json/.test(response.headers.get('content-type') ?? '') ? JSON.parse(text) : text
    ) as Record<string, never>;
    if (text !== '') await conforms(method, path, response.status, body);
    return { status: response.status, body, headers: response.headers };
  }

  function local(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; body: Record<string, never> }> {
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        {
          socketPath: at.socket(),
          method,
          path,
          headers: { 'content-type': 'application/json' },
        },
        (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => {
            text += chunk.toString();
          });
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as Record<string, never> }),
          );
        },
      );
      request.on('error', reject);
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
  return { call, local };
}
