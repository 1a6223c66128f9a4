import { type ErrorCode, isMillraceError, type Logger } from '@millrace/foundation';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';

/** A refusal as RFC 9457 describes it, with our stable code. */
export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly error: string;
  readonly message: string;
}

const statusOf: Partial<Record<ErrorCode, number>> = {
  invalid_argument: 400,
  unauthenticated: 401,
  permission_denied: 403,
  not_found: 404,
  already_exists: 409,
  limit_exceeded: 429,
  database_unavailable: 503,
  stopped: 503,
};

export function problem(status: number, error: string, detail: string): ProblemDocument {
  const title = error.replaceAll('_', ' ').replace(/^./, (first) => first.toUpperCase());
  return { type: `urn:millrace:error:${error}`, title, status, detail, error, message: detail };
}

/** PostgreSQL errors that a caller or time can cure: statement timeout, connection trouble. */
function databaseProblem(error: { code?: string; message?: string }): ProblemDocument | undefined {
  if (error.code === '57014')
    return problem(
      503,
      'limit_exceeded',
      'The database did not answer in time: ask for a shorter range or fewer tags.',
    );
  if (
    /^(08|57P)/.test(error.code ?? '') ||
    error.code === 'ECONNREFUSED' ||
    /timeout exceeded when trying to connect|Connection terminated/.test(error.message ?? '')
  )
    return problem(503, 'database_unavailable', 'The database does not answer at the moment: try again.');
  return undefined;
}

/** The problem document of anything thrown. Unexpected errors are logged and told without their text. */
export function problemOf(error: FastifyError | Error, logger: Logger): ProblemDocument {
  if (isMillraceError(error)) return problem(statusOf[error.code] ?? 500, error.code, error.message);
  const fast = error as Partial<FastifyError>;
  if (fast.validation !== undefined) {
    const first = fast.validation[0];
    const extra = (first?.params as { additionalProperty?: string } | undefined)?.additionalProperty;
    const where = `${fast.validationContext ?? 'request'}${(first?.instancePath ?? '').replaceAll('/', '.')}`;
    const what = extra === undefined ? first?.message : `has no member "${extra}"`;
    return problem(400, 'invalid_argument', `${where} ${what ?? 'is not valid'}: see /openapi.json.`);
  }
  const database = databaseProblem(error as { code?: string; message?: string });
  if (database !== undefined) return database;
  const status = fast.statusCode ?? 500;
  if (status < 500)
    return problem(status, status === 413 ? 'limit_exceeded' : 'invalid_argument', error.message);
  logger.error('A request failed unexpectedly.', { error: error.message, stack: error.stack });
  return problem(500, 'internal', 'The platform failed to answer; its log says why.');
}

export function sendProblem(reply: FastifyReply, document: ProblemDocument): FastifyReply {
  return reply.code(document.status).type('application/problem+json').send(document);
}

export function notFound(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return sendProblem(
    reply,
    problem(
      404,
      'not_found',
      `There is no ${request.method} ${request.url.split('?')[0]}: see /openapi.json.`,
    ),
  );
}
