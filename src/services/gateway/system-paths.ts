/**
 * What every gateway serves itself, as OpenAPI paths. Written by hand beside `system-routes.ts`, which a test compares it with.
 */
const json = (description: string): object => ({
  description,
  content: { 'application/json': { schema: { type: 'object' } } },
});
const problem = { $ref: '#/components/responses/Problem' };

const get = (operationId: string, summary: string, more: object): Record<string, unknown> => ({
  get: { operationId: `gateway.${operationId}`, tags: ['gateway'], summary, ...more },
});

const nameParameter = { name: 'name', in: 'path', required: true, schema: { type: 'string' } };
const text = {
  '200': { description: 'The metrics', content: { 'text/plain': { schema: { type: 'string' } } } },
};

export const systemPaths: Readonly<Record<string, Record<string, unknown>>> = {
  '/health': get('health', 'Whether every service that is wanted and not optional has somebody ready', {
    responses: {
      '200': json('Healthy, or degraded: the message says how'),
      '503': json('Unhealthy; the message names who is missing'),
    },
  }),
  '/health/liveness': get('liveness', 'Whether this gateway lives', {
    responses: { '200': json('It does') },
  }),
  '/health/readiness': get('readiness', 'Whether this gateway takes requests', {
    responses: { '200': json('It does'), '503': json('It does not: it starts or stops') },
  }),
  '/services': get('services', 'The services, their instances and the shared numbers', {
    responses: { '200': json('The services'), default: problem },
  }),
  '/services/{name}/health': get('serviceHealth', 'The health of one service', {
    parameters: [nameParameter],
    responses: { '200': json('Its health'), default: problem },
  }),
  '/metrics': get('metrics', 'All numbers, in the text format of Prometheus', { responses: text }),
};

export const problemSchema = {
  description: 'RFC 9457, application/problem+json. Match `code`.',
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'code', 'requestId'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string' },
    requestId: { type: 'string' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['path', 'message'],
        properties: { path: { type: 'string' }, message: { type: 'string' } },
      },
    },
  },
} as const;
