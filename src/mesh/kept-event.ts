/** How an event that must not be lost is written down and handed over: from who emits it, through the store, to the instance that handles it. */
import { bounds } from '../core/bounds.ts';
import { TuttiError } from '../core/errors.ts';
import { keptContext } from '../core/kept-context.ts';
import type { Kept, KeptContext } from '../core/kept-context.ts';
import { WrittenJson } from './body.ts';

const prefix = '$event ';
/** The action of an instance that takes such an event. No user's action has such a name. */
export const eventAction = (event: string): string => `${prefix}${event}`;
export const isEventAction = (action: string): boolean => action.startsWith(prefix);

export interface KeptBody {
  readonly payload: unknown;
  readonly context: KeptContext;
}

interface KeptLimit {
  /** `The payload of an event that is kept` */
  readonly what: string;
  readonly limitBytes: number;
}
const eventLimit: KeptLimit = {
  what: 'The payload of an event that is kept',
  limitBytes: bounds.keptEventBytes,
};

/** @throws {TuttiError} `INVALID_INPUT` when the payload is not JSON, or nothing. */
export function writeKept(
  payload: unknown,
  context: Kept | undefined,
  { what, limitBytes } = eventLimit,
): string {
  const body: KeptBody = { payload, context: keptContext(context ?? {}) };
  if (payload === undefined)
    throw new TuttiError('INVALID_INPUT', { message: `${what} is JSON, not undefined` });
  let text: string;
  try {
    text = JSON.stringify(body);
  } catch (cause) {
    throw new TuttiError('INVALID_INPUT', { message: `${what} is JSON` }, { cause });
  }
  if (Buffer.byteLength(text) <= limitBytes) return text;
  const message = `${what} is over ${String(limitBytes)} bytes`;
  throw new TuttiError('PAYLOAD_TOO_LARGE', { message, limitBytes });
}

export const readKept = (body: string): KeptBody => JSON.parse(body) as KeptBody;

/** What an instance is handed, an event or a job: it runs for whom it was kept. */
export interface Delivered {
  readonly kept: KeptBody;
}

export interface DeliveredEvent extends Delivered {
  readonly id: string;
  /** From 1. */
  readonly attempt: number;
}

/** The body goes as it lies in the store: nobody on its way needs to know what is in it. */
export function deliveredText(about: object, body: string): WrittenJson {
  const written = JSON.stringify(about);
  return new WrittenJson(`${written.slice(0, -1)},"kept":${body}}`);
}

/** Null: it is done. `isUnfit`: it does not fit the schema of its subscriber, and never will. */
export type HowItWent = null | { readonly failed: string; readonly isUnfit: boolean };
