import { Type } from 'typebox';
import { defineRoute } from '../../api/route.js';

export const healthz = defineRoute({
  method: 'GET',
  url: '/healthz',
  operationId: 'get-health',
  summary: 'The process answers.',
  permission: 'public',
  answer: Type.Object({ status: Type.String() }),
  handler: async () => ({ status: 'ok' }),
});

export const readyz = defineRoute({
  method: 'GET',
  url: '/readyz',
  operationId: 'get-readiness',
  summary: 'Every part can do its work; 503 otherwise.',
  permission: 'public',
  answer: Type.Object({
    ready: Type.Boolean(),
    checks: Type.Array(Type.Object({ name: Type.String(), ok: Type.Boolean(), detail: Type.String() })),
  }),
  handler: async ({ services, reply }) => {
    const answer = await services.status.ready();
    if (!answer.ready) {
      const broken = answer.checks.filter((check) => !check.ok);
      const detail = `Not ready: ${broken.map((check) => `${check.name}: ${check.detail}`).join('; ')}.`;
      reply.code(503);
      return { ...answer, status: 503, title: 'Not ready', error: 'not_ready', detail, message: detail };
    }
    return answer;
  },
});

export const metrics = defineRoute({
  method: 'GET',
  url: '/metrics',
  operationId: 'get-metrics',
  summary: 'Figures in the Prometheus text format.',
  permission: 'public',
  answer: Type.String(),
  answerType: 'text/plain',
  handler: async ({ services, reply }) => {
    reply.type('text/plain; version=0.0.4; charset=utf-8');
    return services.status.metrics();
  },
});
