/**
 * Asks the store, wherever it runs and whoever runs it: each change carries a number, so that one that is asked for again, because its
 * owner died or its answer was lost, is made once and gets the first answer. It goes on asking until its time is over.
 */
import { bounds } from '../core/bounds.ts';
import type { ErrorCode } from '../core/errors.ts';
import { isTuttiError, TuttiError } from '../core/errors.ts';
import { storeService } from '../core/ids.ts';
import type { Clock, Random } from '../core/ports.ts';
import { writeChange } from './store-change.ts';
import type { StoreAsk, StoreChange } from './store-change.ts';

export interface TryOptions {
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface StoreClientNeeds {
  /** One try: a call of an action of the store. A change is what `writeChange` makes of it, the same at each try. */
  readonly call: (action: 'mutate' | 'query' | 'wait', ask: object, options: TryOptions) => Promise<unknown>;
  readonly clock: Clock;
  readonly random: Random;
  /** How long one asks who does not say it himself. */
  readonly withinMs?: number;
}

export interface StoreClient {
  /** Resolves when it is stored. @throws {TuttiError} what the area throws; `STORE_UNREACHABLE`: it may have been made, or not. */
  mutate(ask: StoreChange, withinMs?: number): Promise<unknown>;
  query(ask: StoreAsk, withinMs?: number): Promise<unknown>;
  /** As `query`, of what may be long in coming: with a signal the owner hears that nobody waits any more. */
  wait(ask: StoreAsk, withinMs?: number, signal?: AbortSignal): Promise<unknown>;
}

/** Nobody answered, or somebody who could not: another one, or the same a moment later, may. */
const passing: ReadonlySet<string> = new Set<ErrorCode>([
  'NO_INSTANCE',
  'INSTANCE_LOST',
  'CONNECTION_REFUSED',
  'STOPPING',
  'OVERLOADED',
  'CIRCUIT_OPEN',
  'STORE_CLOSED',
  'STORE_UNREACHABLE',
]);
/** A store that is busy may take it a moment later; what is full stays so until somebody takes something out of it, and who asks is told at once. */
const isPassing = (error: TuttiError): boolean => passing.has(error.code) && error.data['isFull'] !== true;

const firstPauseMs = 20;
const longestPauseMs = 500;

/** Between half of it and all of it, so that all who lost the same owner do not come back at once. */
const pauseMs = (tries: number, random: Random): number =>
  Math.min(longestPauseMs, firstPauseMs * 2 ** tries) * (0.5 + random() / 2);

export function makeStoreClient({
  call,
  clock,
  random,
  withinMs: usualMs = bounds.storeMs,
}: StoreClientNeeds): StoreClient {
  const origin = Array.from({ length: 4 }, () => Math.floor(random() * 2 ** 32).toString(36)).join('.');
  let changes = 0;
  const pause = (ms: number): Promise<void> =>
    new Promise((done) => {
      clock.after(ms, done);
    });

  async function untilAnswered(
    withinMs: number,
    ask: (leftMs: number) => Promise<unknown>,
  ): Promise<unknown> {
    const beganAt = clock.now();
    const deadline = beganAt + withinMs;
    for (let tries = 0; ; tries += 1) {
      const leftMs = deadline - clock.now();
      try {
        return await ask(leftMs);
      } catch (error) {
        if (!isTuttiError(error)) throw error;
        const mayPass = isPassing(error);
        const waitMs = pauseMs(tries, random);
        if (error.code === 'CALL_TIMED_OUT' || (mayPass && clock.now() + waitMs >= deadline))
          throw new TuttiError(
            'STORE_UNREACHABLE',
            // What it is part of may have less time than it has itself.
            { reason: `no answer within ${String(Math.round(clock.now() - beganAt))} ms` },
            { cause: error },
          );
        if (!mayPass) throw error;
        await pause(waitMs);
      }
    }
  }

  return {
    mutate: async (ask, withinMs = usualMs) => {
      changes += 1;
      const change = writeChange(ask, { origin, number: changes });
      return untilAnswered(withinMs, (deadlineMs) => call('mutate', change, { deadlineMs }));
    },
    query: (ask, withinMs = usualMs) =>
      untilAnswered(withinMs, (deadlineMs) => call('query', ask, { deadlineMs })),
    wait: (ask, withinMs = usualMs, signal) =>
      untilAnswered(withinMs, (deadlineMs) => call('wait', ask, { deadlineMs, signal })),
  };
}

/** Of a caller as much as is needed. */
interface Calls {
  call(service: string, action: string, input: unknown, options: TryOptions): Promise<unknown>;
}

/** The store of the app, as whoever may call it asks it. */
export const storeOf = (caller: Calls, needs: Omit<StoreClientNeeds, 'call'>): StoreClient =>
  makeStoreClient({
    ...needs,
    call: (action, ask, options) => caller.call(storeService, action, ask, options),
  });
