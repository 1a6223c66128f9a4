import type { FastifyInstance } from 'fastify';
import { buildApp } from './app.js';
import type { Services } from './services.js';

/** The document of the API, made from the routes alone: nothing is started and no handler is called. */
export async function openapiDocument(): Promise<object> {
  const nothing = {} as unknown as Services;
  const app: FastifyInstance = await buildApp({ services: nothing, local: false });
  try {
    return JSON.parse(JSON.stringify((app as FastifyInstance & { swagger(): object }).swagger())) as object;
  } finally {
    await app.close();
  }
}
