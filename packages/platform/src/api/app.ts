import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import fastifySwagger from '@fastify/swagger';
import { MillraceError } from '@millrace/foundation';
import Fastify, { type FastifyInstance } from 'fastify';
import { permissions } from '../access/model.js';
import { Gate } from './gate.js';
import { notFound, problemOf, sendProblem } from './problem.js';
import type { Call, Route } from './route.js';
import { routes as allRoutes } from './routes.js';
import { namedSchemas } from './schemas.js';
import type { Services } from './services.js';

export interface AppOptions {
  readonly services: Services;
  /** The local socket's app: every request is an administrator's. */
  readonly local: boolean;
  /** Folder of the console's built files. */
  readonly consoleDir?: string | undefined;
  readonly routes?: readonly Route[];
}

const bodyBytesMax = 256 * 1024;

const securityHeaders = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
} as const;

/** Builds the HTTP application; it does not listen. Throws when a route names no permission. */
export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const { services } = options;
  const app = Fastify({
    logger: false,
    bodyLimit: bodyBytesMax,
    requestTimeout: 30_000,
    forceCloseConnections: true,
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true, allErrors: false, strict: false } },
  });
  // Answers are made by our own code; schemas describe them, and tests compare. JSON.stringify is quickest here.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  for (const schema of namedSchemas) app.addSchema(schema);
  app.setErrorHandler((error: Error, _request, reply) =>
    sendProblem(reply, problemOf(error, services.logger)),
  );
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers(securityHeaders);
  });
  await app.register(fastifySwagger, swaggerOptions());
  const gate = new Gate(services, options.local);
  for (const route of options.routes ?? allRoutes) addRoute(app, route, gate, services);
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
  await addConsole(app, options.consoleDir);
  await app.ready();
  return app;
}

function addRoute(app: FastifyInstance, route: Route, gate: Gate, services: Services): void {
  if (!Object.hasOwn(permissions, route.permission))
    throw new MillraceError(
      'internal',
      `Route ${route.operationId} names no permission. This is a defect in Millrace.`,
    );
  app.route({
    method: route.method,
    url: route.url,
    schema: {
      ...(route.params === undefined ? {} : { params: route.params }),
      ...(route.query === undefined ? {} : { querystring: route.query }),
      ...(route.body === undefined ? {} : { body: route.body }),
      ...description(route),
    } as object,
    // Before validation: a stranger learns nothing of the shape of requests.
    onRequest: async (request, reply) => {
      (request as unknown as { actor: unknown }).actor = await gate.admit(request, reply, route);
    },
    handler: async (request, reply) => {
      const { actor } = request as unknown as { actor: Call<unknown, unknown, unknown>['actor'] };
      reply.header('cache-control', 'no-store');
      const tenant = actor && services.registry.directory.tenantByNo(actor.tenantId);
      if (actor !== undefined && tenant === undefined)
        throw new MillraceError(
          'unauthenticated',
          'The tenant of these credentials does not exist any more.',
        );
      const { params, query, body } = request;
      const answer = await route.handler({
        params,
        query,
        body,
        actor,
        tenant: tenant!,
        services,
        request,
        reply,
      });
      if (reply.sent) return reply;
      return route.answer === undefined ? reply.code(204).send() : reply.send(answer);
    },
  });
}

/** What only the document needs. */
function description(route: Route): object {
  if (route.group === undefined) return { hide: true };
  const type = route.answerType ?? 'application/json';
  const refusal = (text: string) => ({
    description: text,
    content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } },
  });
  const success =
    route.answer === undefined
      ? { 204: { description: 'Done.', type: 'null' } }
      : {
          [route.operationId.startsWith('create-token') || route.operationId.startsWith('issue-')
            ? 201
            : 200]: {
            description: route.summary,
            content: { [type]: { schema: route.answer } },
          },
        };
  return {
    operationId: route.operationId,
    summary: route.summary,
    tags: [route.group],
    ...(route.permission === 'public' ? { security: [] } : {}),
    response: { ...success, '4xx': refusal('Refused; the problem says what to change.') },
  };
}

function swaggerOptions() {
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Millrace',
        version: '1',
        description:
          'Devices, their values and their history. Times are RFC 3339 UTC; columns hold epoch ms.',
      },
      security: [{ token: [] }, { session: [] }],
      components: {
        securitySchemes: {
          token: { type: 'http' as const, scheme: 'bearer' },
          session: { type: 'apiKey' as const, in: 'cookie' as const, name: 'millrace_session' },
        },
      },
    },
    refResolver: {
      buildLocalReference: (json: { $id?: unknown }, _base: unknown, _fragment: unknown, i: number) =>
        typeof json.$id === 'string' ? json.$id : `def-${i}`,
    },
  };
}

/** The console's files; every other page address answers with its index, so that views are addresses. */
async function addConsole(app: FastifyInstance, dir: string | undefined): Promise<void> {
  if (dir === undefined || !existsSync(join(dir, 'index.html'))) {
    app.setNotFoundHandler(notFound);
    return;
  }
  await app.register(fastifyStatic, {
    root: dir,
    prefix: '/',
    wildcard: false,
    cacheControl: false,
    setHeaders: (reply, path) => {
      const hashed = path.includes('/assets/');
      reply.header('cache-control', hashed ? 'public, max-age=31536000, immutable' : 'no-cache');
    },
  });
  app.setNotFoundHandler((request, reply) => {
    const page = request.method === 'GET' && (request.headers.accept ?? '').includes('text/html');
    const ours = /^\/(v1|local)\//.test(request.url);
    return page && !ours
      ? reply.header('cache-control', 'no-cache').sendFile('index.html')
      : notFound(request, reply);
  });
}
