/**
 * Answers a request with an `Idempotency-Key` once: who asks again, at the same time or within a day, gets what the first one got.
 * What was begun and what came of it are in the store, so that every gateway process knows it, and the next start of the app does.
 * Source: IETF draft "The Idempotency-Key HTTP Header Field".
 */
import { createHash } from 'node:crypto';
import { bounds } from '../../core/bounds.ts';
import type { ErrorCode, WireError } from '../../core/errors.ts';
import { fromWire, isTuttiError, toWire, TuttiError } from '../../core/errors.ts';
import type { Log } from '../../define/handling.ts';
import type { Clock } from '../../core/ports.ts';
import type { StateStore } from '../../stores/state/state-store.ts';
import type { Answer } from './answer.ts';

export interface IdempotencyNeeds {
  readonly state: StateStore;
  readonly clock: Clock;
  readonly log: Log;
}

export interface KeyedRequest {
  readonly key: string;
  /** Of whom keys are apart from those of others. */
  readonly user: string | undefined;
  readonly tenant: string | undefined;
  /** What must be the same again: method, path, query, body. */
  readonly parts: readonly (string | Buffer)[];
  readonly deadlineMs: number;
}

/** Kept under a key. `answer`: undefined while it is under way; null: it was too large to be kept. */
interface Kept {
  readonly fingerprint: string;
  readonly answer?: KeptAnswer | null;
}
type KeptAnswer =
  | { readonly error: WireError }
  | (Pick<Answer, 'status' | 'contentType' | 'headers'> & { readonly body: string });

/** A gateway that dies leaves what it began to the next one who asks, this long after the request's own time is over. */
const graceMs = 5_000;
const firstLookMs = 10;
const laterLookMs = 200;

function hashOf(parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  // With its length before it, no part can pass for the end of another.
  for (const part of parts) hash.update(`${String(Buffer.byteLength(part))}:`).update(part);
  return hash.digest('base64url');
}

/** Said before the action did anything; the next time it may be another answer. */
const beforehand: ReadonlySet<string> = new Set<ErrorCode>([
  'INVALID_INPUT',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'UNKNOWN_ACTION',
  'CANCELLED',
]);
/** What the action said for good: it was asked, and would say the same again. */
const isFinal = (error: unknown): error is TuttiError =>
  isTuttiError(error) && error.http < 500 && !error.retryable && !beforehand.has(error.code);

export class Idempotency {
  readonly #state: StateStore;
  readonly #clock: Clock;
  readonly #log: Log;

  constructor({ state, clock, log }: IdempotencyNeeds) {
    this.#state = state;
    this.#clock = clock;
    this.#log = log;
  }

  /** @throws {TuttiError} `IDEMPOTENCY_KEY_REUSED`, `IDEMPOTENCY_KEY_IN_USE`, and what `ask` throws. */
  async answer(request: KeyedRequest, ask: () => Promise<Answer>): Promise<Answer> {
    const place = `idempotency/${hashOf([request.tenant ?? '', request.user ?? '', request.key])}`;
    const fingerprint = hashOf(request.parts);
    const deadline = this.#clock.now() + request.deadlineMs;
    for (let lookMs = firstLookMs; ; lookMs = Math.min(laterLookMs, 2 * lookMs)) {
      const begun = await this.#state.put(place, { fingerprint } satisfies Kept, {
        ifAbsent: true,
        ttlMs: request.deadlineMs + graceMs,
      });
      if (begun.stored) return this.#first(place, fingerprint, ask);
      const kept = begun.entry?.value as Kept | undefined;
      // It has expired between the two.
      if (kept === undefined) continue;
      if (kept.fingerprint !== fingerprint) throw new TuttiError('IDEMPOTENCY_KEY_REUSED');
      if (kept.answer !== undefined) return again(kept.answer);
      if (this.#clock.now() + lookMs >= deadline) throw new TuttiError('IDEMPOTENCY_KEY_IN_USE');
      await this.#pause(lookMs);
    }
  }

  async #first(place: string, fingerprint: string, ask: () => Promise<Answer>): Promise<Answer> {
    let answer: Answer;
    try {
      answer = await ask();
    } catch (error) {
      // What may go better the next time is not kept: the same key may ask again.
      await this.#remember(
        place,
        isFinal(error) ? { fingerprint, answer: { error: toWire(error) } } : undefined,
      );
      throw error;
    }
    const { status, contentType, headers, body } = answer;
    const kept = { status, contentType, headers, body: Buffer.from(body).toString('base64') };
    const isTooLarge = kept.body.length > bounds.keptAnswerBytes;
    await this.#remember(place, { fingerprint, answer: isTooLarge ? null : kept });
    return answer;
  }

  /** It has happened: where it cannot be kept, the client hears of it all the same. */
  async #remember(place: string, kept: Kept | undefined): Promise<void> {
    try {
      if (kept === undefined) await this.#state.delete(place);
      else await this.#state.put(place, kept, { ttlMs: bounds.keptAnswerMs });
    } catch (error) {
      this.#log.warn('An answer could not be kept for its Idempotency-Key', { error });
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((done) => {
      this.#clock.after(ms, done);
    });
  }
}

function again(kept: KeptAnswer | null): Answer {
  if (kept === null)
    throw new TuttiError('CONFLICT', {
      message: 'This was answered already, and the answer was too large to be kept',
    });
  if ('error' in kept) throw fromWire(kept.error);
  const headers = { ...kept.headers, 'idempotent-replayed': 'true' };
  return { ...kept, headers, body: Buffer.from(kept.body, 'base64') };
}
