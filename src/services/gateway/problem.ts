/**
 * Any error as an RFC 9457 problem: what the client may know of it and nothing else. Pure.
 * Never a stack, a path or a query: an error that is not ours is `INTERNAL`, and its text stays in the log.
 */
import { errorTable, TuttiError } from '../../core/errors.ts';
import type { ErrorCode, InputIssue } from '../../core/errors.ts';
import { isPlainObject } from '../../core/options.ts';

// Importing node:http touches all that it exports, and so loads the WebSocket client of Node: 50 ms for nothing.
const { STATUS_CODES } = process.getBuiltinModule('node:http');

/** `Not Found` */
export const reasonPhrase = (status: number): string => STATUS_CODES[status] ?? 'Error';

export interface Problem {
  /** The meaning is in `code`. */
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly requestId: string;
  readonly errors?: readonly InputIssue[];
}

export interface Refusal {
  readonly problem: Problem;
  /** Whole seconds; with 429 and 503. */
  readonly retryAfter: number | undefined;
}

/** Their texts may tell of our inside: the client gets that of the table. */
const ourFault: ReadonlySet<string> = new Set<ErrorCode>([
  'INTERNAL',
  'INVALID_OUTPUT',
  'PROTOCOL_ERROR',
  'CONFIG_INVALID',
]);

const longestDetail = 500;

export function refusalOf(known: TuttiError, requestId: string): Refusal {
  const status = known.http >= 400 && known.http <= 599 ? known.http : 500;
  const detail = ourFault.has(known.code) ? errorTable.INTERNAL.text : known.message.slice(0, longestDetail);
  const issues = issuesOf(known);
  const problem: Problem = {
    type: 'about:blank',
    title: reasonPhrase(status),
    status,
    detail,
    code: known.code,
    requestId,
    ...(issues === undefined ? {} : { errors: issues }),
  };
  return { problem, retryAfter: status === 429 || status === 503 ? retryAfterOf(known) : undefined };
}

/** What else is thrown is a bug of ours. */
export const asTuttiError = (error: unknown): TuttiError =>
  error instanceof TuttiError ? error : new TuttiError('INTERNAL', {}, { cause: error });

function retryAfterOf(error: TuttiError): number {
  const ms = error.data['retryAfterMs'];
  return typeof ms === 'number' && ms > 0 && ms < 3_600_000 ? Math.ceil(ms / 1_000) : 1;
}

function issuesOf(error: TuttiError): InputIssue[] | undefined {
  const issues = error.data['issues'];
  if (error.code !== 'INVALID_INPUT' || !Array.isArray(issues)) return undefined;
  return issues
    .filter(isPlainObject)
    .map(({ path, message }) => ({ path: String(path), message: String(message) }));
}
