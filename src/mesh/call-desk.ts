/**
 * Runs the calls and events of one instance: admission, deadline, context. What each is answered, `CallAnswers` says. Used by the
 * responder, which owns the connections. Nothing that user code throws or returns gets past it.
 */
import { bounds } from '../core/bounds.ts';
import type { TuttiError } from '../core/errors.ts';
import type { InstanceRef } from '../core/ids.ts';
import type { Clock, Timer } from '../core/ports.ts';
import { CallAnswers } from './call-answers.ts';
import { enterContext } from './context.ts';
import { latencyBucket, latencyBuckets } from '../core/latency-histogram.ts';
import type { MeshLog } from './mesh-log.ts';
import { OverdueCalls } from './overdue-calls.ts';
import type { Served, ServedCall } from './served-call.ts';
import { loadOf, makeServedCounts } from './served-counts.ts';
import { endServedSpan, servedSpan } from './spans.ts';

export interface CallDeskNeeds {
  readonly self: InstanceRef;
  readonly clock: Clock;
  readonly log: MeshLog;
}

const sweepMs = 50;

const run = (call: ServedCall): unknown => call.served.run(call.input, call);
const runInSpan = (call: ServedCall): unknown => call.span?.run(run, call);

export class CallDesk {
  readonly counts = makeServedCounts();
  readonly latency: number[] = Array.from({ length: latencyBuckets }, () => 0);
  readonly #needs: CallDeskNeeds;
  readonly #answers: CallAnswers;
  readonly #overdue: OverdueCalls;
  /** Those whose queue is not empty. */
  readonly #busy = new Set<Served>();
  #sweepTimer: Timer | undefined;
  #isStopping = false;
  #whenIdle: (() => void) | undefined;

  constructor(needs: CallDeskNeeds) {
    this.#needs = needs;
    this.#answers = new CallAnswers({ ...needs, counts: this.counts });
    this.#overdue = new OverdueCalls({ ...needs, nameOf: (call) => this.#answers.nameOf(call) });
  }

  get load(): number {
    return loadOf(this.counts);
  }

  take(call: ServedCall): void {
    const { served } = call;
    if (served.isEvent) this.counts.events += 1;
    else this.counts.requests += 1;
    if (this.#isStopping) this.#answers.stopping(call);
    else if (call.startedAt >= call.context.deadline) this.#expire(call);
    else if (served.place?.enter(call) === false) this.#answers.busy(call);
    else this.#admit(call);
  }

  forbid(call: ServedCall): void {
    this.counts.requests += 1;
    this.#answers.forbidden(call);
  }

  /** A service named a user or tenant of its own; the call runs for nobody. */
  foundInvented(caller: string): void {
    this.counts.identitiesDropped += 1;
    const sentence = 'A call named its user or tenant, which only a gateway may: it is made for nobody';
    this.#needs.log('warn', sentence, { caller });
  }

  /** Nobody waits for its answer: what has not started never will, what runs is told. */
  withdraw(call: ServedCall, reason: TuttiError): void {
    call.cancel(reason);
    call.served.place?.unwanted(call);
    if (!call.served.admission.remove(call)) return;
    this.#leftQueue(call, this.#needs.clock.now());
    this.#checkIdle();
  }

  /** Turns away what comes from now on; resolves once nothing runs or waits. */
  async drain(): Promise<void> {
    this.#isStopping = true;
    if (this.load === 0) return;
    await new Promise<void>((resolve) => {
      const before = this.#whenIdle;
      this.#whenIdle = () => {
        before?.();
        resolve();
      };
    });
  }

  close(): void {
    this.#isStopping = true;
    this.#sweepTimer?.cancel();
    this.#overdue.close();
  }

  #admit(call: ServedCall): void {
    const admittance = call.served.admission.admit(call);
    if (admittance.verdict === 'run') {
      this.counts.inFlight += 1;
      this.#run(call);
    } else if (admittance.verdict === 'full') {
      this.#answers.overloaded(call);
    } else {
      for (const displaced of admittance.displaced) {
        this.#leftQueue(displaced, call.startedAt);
        this.#answers.overloaded(displaced);
      }
      call.hasWaited = true;
      this.counts.queued += 1;
      this.#busy.add(call.served);
      this.#sweepTimer ??= this.#needs.clock.after(sweepMs, this.#sweep);
    }
  }

  /** Wants a call that holds a place. */
  #run(call: ServedCall): void {
    let result: unknown;
    try {
      result = this.#enter(call);
    } catch (error) {
      this.#failed(call, error);
      return;
    }
    // A call from the queue never ends in the turn of the one before it: a long queue would be a deep stack.
    if (!call.hasWaited && !isThenable(result)) {
      this.#succeeded(call, result);
      return;
    }
    this.#overdue.started(call);
    void Promise.resolve(result).then(
      (output) => {
        this.#succeeded(call, output);
      },
      (error: unknown) => {
        this.#failed(call, error);
      },
    );
  }

  #enter(call: ServedCall): unknown {
    const span = servedSpan(this.#needs.self.service, call);
    if (span === undefined) return enterContext(call.context, run, call);
    call.trace(span);
    return enterContext(call.context, runInSpan, call);
  }

  #succeeded(call: ServedCall, output: unknown): void {
    endServedSpan(call.span);
    this.#leave(call);
    this.#answers.succeeded(call, output);
  }

  #failed(call: ServedCall, error: unknown): void {
    endServedSpan(call.span, error);
    this.#leave(call);
    this.#answers.failed(call, error);
  }

  /** Gives the place on, past those that came too late. */
  #leave(call: ServedCall): void {
    const { served } = call;
    const now = this.#needs.clock.now();
    this.counts.inFlight -= 1;
    this.#overdue.ended(call, now);
    // A stream lasts as long as both sides want.
    if (!served.isEvent && served.silenceMs === undefined) this.#note(now - call.startedAt);
    const { admission } = served;
    for (let next = admission.leave(now); next !== undefined; next = admission.leave(now)) {
      this.#leftQueue(next, now);
      if (!this.#isLate(next)) {
        this.counts.inFlight += 1;
        this.#run(next);
        break;
      }
      this.#expire(next);
    }
    served.place?.leave();
    this.#checkIdle();
  }

  #note(tookMs: number): void {
    const bucket = latencyBucket(tookMs);
    this.latency[bucket] = (this.latency[bucket] ?? 0) + 1;
  }

  #leftQueue({ served, startedAt }: ServedCall, now: number): void {
    this.counts.queued -= 1;
    this.counts.waitedMs += Math.max(0, now - startedAt);
    if (served.admission.waiting === 0) this.#busy.delete(served);
  }

  #checkIdle(): void {
    if (this.#whenIdle === undefined || this.load > 0) return;
    const whenIdle = this.#whenIdle;
    this.#whenIdle = undefined;
    whenIdle();
  }

  /** Events have no deadline to be late for; they may wait as long as they are in the bound. */
  readonly #sweep = (): void => {
    this.#sweepTimer = undefined;
    const now = this.#needs.clock.now();
    for (const served of this.#busy) {
      if (served.isEvent) continue;
      for (const call of served.admission.removeBefore(now - bounds.actionQueueMs)) {
        this.#leftQueue(call, now);
        this.#answers.overloaded(call);
      }
    }
    this.#checkIdle();
    if (this.#busy.size > 0) this.#sweepTimer = this.#needs.clock.after(sweepMs, this.#sweep);
  };

  #isLate(call: ServedCall): boolean {
    return this.#needs.clock.now() >= call.context.deadline;
  }

  #expire(call: ServedCall): void {
    call.served.place?.takeBack(call.origin, call.number);
    this.#answers.expired(call);
  }
}

const isThenable = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
