import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Static, TSchema } from 'typebox';
import type { Actor, Permission } from '../access/model.js';
import type { Tenant } from '../registry/model.js';
import type { Services } from './services.js';

/** What a handler gets. `actor` and `tenant` are set on every route that is not `public`. */
export interface Call<P, Q, B> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly actor: Actor;
  readonly tenant: Tenant;
  readonly services: Services;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** One operation of the API: schema, permission and handler in one place. */
export interface RouteOf<P extends TSchema, Q extends TSchema, B extends TSchema> {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Path with `:name` parameters. */
  readonly url: string;
  readonly operationId: string;
  readonly summary: string;
  /** Heading in the reference; absent = not part of the described API. */
  readonly group?: string;
  readonly permission: Permission;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  /** Schema of the answer; absent = 204. */
  readonly answer?: TSchema;
  readonly answerType?: string;
  readonly handler: (call: Call<Static<P>, Static<Q>, Static<B>>) => Promise<unknown>;
}

export type Route = Omit<RouteOf<TSchema, TSchema, TSchema>, 'handler'> & {
  readonly handler: (call: Call<unknown, unknown, unknown>) => Promise<unknown>;
};

/** Declares a route; handler arguments are typed by the schemas. */
export function defineRoute<P extends TSchema, Q extends TSchema, B extends TSchema>(
  route: RouteOf<P, Q, B>,
): Route {
  return route as unknown as Route;
}
