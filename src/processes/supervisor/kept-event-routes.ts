/** The admin API of durable events: what is kept, who has still to get it, what was given up, and what is to be delivered once more. */
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';
import { bodyNumber, bodyText, queryNumber } from './admin-request.ts';
import type { AdminRequest, AdminRoute } from './admin-server.ts';
import type { Operator } from './operator.ts';

const storeMs = 5_000;
/** To go through all that is kept takes as long as it takes. */
const longStoreMs = 3_600_000;

function needed<T>(value: T | undefined | null, name: string): T {
  if (value !== undefined && value !== null && value !== '') return value;
  throw new TuttiError('INVALID_INPUT', { message: `${name} is missing` });
}

const optional = <T>(name: string, value: T | undefined): Record<string, T> =>
  value === undefined ? {} : { [name]: value };

function readInput({ query }: AdminRequest): object {
  const limit = queryNumber(query, 'limit');
  if (!Number.isInteger(limit) || limit < 1 || limit > bounds.eventPage)
    throw new TuttiError('INVALID_INPUT', {
      message: `limit must be a whole number from 1 to ${String(bounds.eventPage)}`,
    });
  const place = { since: queryNumber(query, 'since'), after: queryNumber(query, 'after') };
  return { event: needed(query.get('event'), 'event'), ...place, limit };
}

function replayInput(request: AdminRequest): object {
  const { event } = request.body;
  return {
    receiver: bodyText(request, 'receiver'),
    since: needed(bodyNumber(request, 'since'), 'since'),
    ...optional('until', bodyNumber(request, 'until')),
    ...optional('event', event === undefined ? undefined : bodyText(request, 'event')),
  };
}

export function keptEventRoutes(operator: Pick<Operator, 'store'>): Record<string, AdminRoute> {
  const asked = (
    action: string,
    inputOf: (request: AdminRequest) => object,
    withinMs = storeMs,
  ): AdminRoute => ({
    kind: 'answer',
    run: (request) => operator.store(action, inputOf(request), withinMs),
  });
  return {
    'GET /store/topics': asked('topics', () => ({}), longStoreMs),
    'GET /store/receivers': asked('receivers', () => ({})),
    'GET /store/read': asked('read', readInput, longStoreMs),
    'GET /store/dead': asked('dead', ({ query }) => ({
      receiver: query.get('receiver') ?? '',
      after: queryNumber(query, 'after'),
    })),
    'POST /store/redrive': asked(
      'redrive',
      (request) => ({
        receiver: bodyText(request, 'receiver'),
        ...optional('seq', bodyNumber(request, 'seq')),
      }),
      longStoreMs,
    ),
    'POST /store/replay': asked('replay', replayInput, longStoreMs),
  };
}
