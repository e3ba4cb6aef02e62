/**
 * The one error class and the one table of codes. Errors cross processes: match `error.code`, never the message or the class.
 * A code, once released, is never reused. The docs page of errors is checked against this table.
 */

export interface ErrorRow {
  /** One sentence for people; `{name}` is filled from the error's data. */
  readonly text: string;
  /** The status the gateway answers with. */
  readonly http: number;
  /** Whether the same call may succeed a moment later. */
  readonly retryable?: boolean;
}

export const errorTable = {
  INVALID_INPUT: { text: 'The input is not valid', http: 400 },
  UNAUTHENTICATED: { text: 'Who calls is not known', http: 401 },
  FORBIDDEN: { text: '{caller} may not call {action}', http: 403 },
  NOT_FOUND: { text: '{what} not found', http: 404 },
  CONFLICT: { text: '{what} is in conflict with what is there', http: 409 },
  IDEMPOTENCY_KEY_REUSED: {
    text: 'This Idempotency-Key was used for another request: take a new one',
    http: 409,
  },
  IDEMPOTENCY_KEY_IN_USE: {
    text: 'The request with this Idempotency-Key is still under way',
    http: 409,
    retryable: true,
  },
  PAYLOAD_TOO_LARGE: { text: 'The payload is over {limitBytes} bytes', http: 413 },
  BAD_REQUEST: { text: 'The request is refused: {reason}', http: 400 },
  METHOD_NOT_ALLOWED: { text: '{method} is not served here', http: 405 },
  REQUEST_TIMED_OUT: { text: 'The request did not arrive in time', http: 408 },
  EXPECTATION_FAILED: { text: 'Only "Expect: 100-continue" is met here', http: 417 },
  MISDIRECTED: { text: 'The name in the Host header is not a name of this machine', http: 421 },
  UPGRADE_REQUIRED: { text: '{what} is a WebSocket: ask for it with one', http: 426 },
  HEAD_TOO_LARGE: { text: 'The head of the request is over {limitBytes} bytes', http: 431 },
  UNSUPPORTED_MEDIA_TYPE: {
    text: 'The media type {mediaType} is not served here, send {wanted}',
    http: 415,
  },
  CANCELLED: { text: 'The caller took the call back', http: 499 },
  INTERNAL: { text: 'Something went wrong on our side', http: 500 },
  INVALID_OUTPUT: { text: '{action} gave an answer that is not what it declares', http: 500 },
  UNKNOWN_ACTION: { text: '{action} is not an action of this app', http: 404 },
  NO_INSTANCE: { text: 'No instance of {service} is ready', http: 503, retryable: true },
  INSTANCE_LOST: { text: '{instance} was lost during the call', http: 503, retryable: true },
  LOCK_TAKEN: { text: 'The lock {name} is held by {holder}', http: 409, retryable: true },
  OVERLOADED: { text: '{what} has more work than it can take', http: 503, retryable: true },
  CIRCUIT_OPEN: {
    text: '{action} has failed too often lately and is not asked now',
    http: 503,
    retryable: true,
  },
  STOPPING: { text: '{instance} is stopping and takes no new calls', http: 503, retryable: true },
  CALL_TIMED_OUT: { text: 'No answer from {action} in time', http: 504, retryable: true },
  CALL_LIMIT_EXCEEDED: {
    text: '{action} ran longer than its limit of {limitMs} ms and was ended',
    http: 504,
  },
  INSTANCE_BUSY: { text: '{instance} is at work on another call', http: 503, retryable: true },
  STREAM_SILENT: {
    text: 'Nothing came from the other side of {action} for {silenceMs} ms',
    http: 504,
    retryable: true,
  },
  PROTOCOL_ERROR: { text: 'The other side sent something that is not our protocol: {reason}', http: 500 },
  CONNECTION_REFUSED: { text: 'The connection was refused: {reason}', http: 503, retryable: true },
  STORE_FULL: {
    text: 'The store has no room for more, and nothing was changed',
    http: 507,
    retryable: true,
  },
  STORE_READ_ONLY: { text: 'The store may only be read, and nothing was changed', http: 503 },
  STORE_CORRUPT: { text: 'The store is damaged: {what}', http: 500 },
  STORE_CLOSED: { text: 'The store is closed', http: 503, retryable: true },
  STORE_UNREACHABLE: { text: 'The store cannot be reached: {reason}', http: 503, retryable: true },
  EVENTS_LOST: {
    text: 'Events of {queue} behind this cursor are lost: follow it without one, and look at its jobs anew',
    http: 410,
  },
  LEASE_LOST: { text: 'Job {job} belongs to another run by now, or to none', http: 409 },
  CONFIG_INVALID: { text: 'The configuration is not valid', http: 500 },
  ALREADY_RUNNING: { text: 'This app is already running', http: 500 },
  NOT_RUNNING: { text: 'No running app was found', http: 500 },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof errorTable;
/** Codes come from outside too: `constructor` is none. */
export const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(errorTable, code);
export type ErrorData = Readonly<Record<string, unknown>>;

/** One thing that is wrong with an input: where (dots and indexes) and what. */
export interface InputIssue {
  readonly path: string;
  readonly message: string;
}

export interface TuttiErrorOptions {
  readonly cause?: unknown;
  /** Replaces the text of the table: for domain errors, which a service declares itself. */
  readonly row?: ErrorRow;
  /** The stack of the process that threw; for logs, never sent out by a gateway. */
  readonly remoteStack?: string;
  /** The action that answered with it: `users.fetch`. */
  readonly from?: string;
}

/** Fills `{name}` from `data`; what is missing becomes "it", so that no sentence shows a hole. */
export function fillText(text: string, data: ErrorData): string {
  return text.replace(/\{(\w+)\}/g, (_hole, key: string) => {
    const value = data[key];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : 'it';
  });
}

export class TuttiError extends Error {
  readonly code: string;
  readonly data: ErrorData;
  readonly http: number;
  readonly retryable: boolean;
  readonly remoteStack: string | undefined;
  readonly from: string | undefined;

  constructor(code: string, data: ErrorData = {}, options: TuttiErrorOptions = {}) {
    const row: ErrorRow = options.row ?? (isErrorCode(code) ? errorTable[code] : errorTable.INTERNAL);
    const detail = data['message'];
    super(typeof detail === 'string' ? detail : fillText(row.text, data), { cause: options.cause });
    this.name = 'TuttiError';
    this.code = code;
    this.data = data;
    this.http = row.http;
    this.retryable = row.retryable ?? false;
    this.remoteStack = options.remoteStack;
    this.from = options.from;
  }
}

/** By name and not by class: an app file may bring its own copy of this module. */
export const isTuttiError = (error: unknown, code?: ErrorCode): error is TuttiError =>
  error instanceof Error &&
  error.name === 'TuttiError' &&
  typeof (error as Partial<TuttiError>).code === 'string' &&
  (code === undefined || (error as Partial<TuttiError>).code === code);

/** What goes over the wire; bounded, since it is a reply like any other. */
export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly data: ErrorData;
  readonly http: number;
  readonly retryable: boolean;
  readonly stack?: string;
}

const calledWrongly: ReadonlySet<string> = new Set<ErrorCode>(['INVALID_INPUT', 'UNKNOWN_ACTION']);

/** What another action refused because of how it was called: the fault of who called it, and not of who called that one. */
export const isOwnFault = (error: unknown): error is TuttiError =>
  isTuttiError(error) && error.from !== undefined && calledWrongly.has(error.code);

const stackLimit = 8_192;

/** A bug (`TypeError` and its like) is the caller's `INTERNAL`: its message and stack may hold anything, so they stay here. */
export function toWire(error: unknown): WireError {
  const known = isTuttiError(error) ? error : new TuttiError('INTERNAL');
  const stack = known === error ? known.stack?.slice(0, stackLimit) : undefined;
  return {
    code: known.code,
    message: known.message,
    data: known.data,
    http: known.http,
    retryable: known.retryable,
    ...(stack === undefined ? {} : { stack }),
  };
}

/** @param from the action that answered with it. */
export function fromWire(wire: WireError, from?: string): TuttiError {
  const row: ErrorRow = { text: wire.message, http: wire.http, retryable: wire.retryable };
  const options = {
    row,
    ...(wire.stack === undefined ? {} : { remoteStack: wire.stack }),
    ...(from === undefined ? {} : { from }),
  };
  return new TuttiError(wire.code, { ...wire.data, message: wire.message }, options);
}
