/**
 * Runs the calls and events of one instance: admission, deadline, context, one answer each. Used by the responder,
 * which owns the connections. Nothing that user code throws or returns gets past it.
 */
import { bounds } from '../core/bounds.ts';
import { TuttiError } from '../core/errors.ts';
import { instanceId } from '../core/ids.ts';
import type { InstanceRef } from '../core/ids.ts';
import type { Clock, Timer } from '../core/ports.ts';
import { bodyOf } from './body.ts';
import { enterContext } from './context.ts';
import { frameFlags, frameKinds, makeFrame } from './frames.ts';
import type { OutgoingFrame } from './frames.ts';
import { latencyBucket, latencyBuckets } from '../core/latency-histogram.ts';
import type { MeshLog } from './mesh-log.ts';
import { OverdueCalls } from './overdue-calls.ts';
import type { Served, ServedCall } from './served-call.ts';
import { errorFrame } from './error-frame.ts';
import { endServedSpan, servedSpan } from './spans.ts';

export interface CallDeskNeeds {
  readonly self: InstanceRef;
  readonly clock: Clock;
  readonly log: MeshLog;
}

const sweepMs = 50;
const mostLoad = 0xffff;

const run = (call: ServedCall): unknown => call.served.run(call.input, call);
const runInSpan = (call: ServedCall): unknown => call.span?.run(run, call);

export class CallDesk {
  readonly counts = {
    /** Running. */
    inFlight: 0,
    queued: 0,
    requests: 0,
    events: 0,
    errors: 0,
    rejected: 0,
    waitedMs: 0,
    expired: 0,
    eventsDropped: 0,
    eventErrors: 0,
    forbidden: 0,
    identitiesDropped: 0,
  };
  readonly latency: number[] = Array.from({ length: latencyBuckets }, () => 0);
  readonly #needs: CallDeskNeeds;
  readonly #overdue: OverdueCalls;
  /** Those whose queue is not empty. */
  readonly #busy = new Set<Served>();
  #sweepTimer: Timer | undefined;
  #isStopping = false;
  #whenIdle: (() => void) | undefined;

  constructor(needs: CallDeskNeeds) {
    this.#needs = needs;
    this.#overdue = new OverdueCalls({ ...needs, nameOf: (call) => this.#fullName(call) });
  }

  /** Running and waiting, as it travels in an answer. */
  get load(): number {
    return Math.min(mostLoad, this.counts.inFlight + this.counts.queued);
  }

  take(call: ServedCall): void {
    const { served } = call;
    if (served.isEvent) this.counts.events += 1;
    else this.counts.requests += 1;
    if (this.#isStopping) this.#stopping(call);
    else if (call.startedAt >= call.context.deadline) this.#expire(call);
    else if (served.place?.enter(call) === false) this.#refuseBusy(call);
    else this.#admit(call);
  }

  forbid(call: ServedCall): void {
    const data = { caller: call.context.caller, action: this.#fullName(call) };
    this.counts.requests += 1;
    this.counts.forbidden += 1;
    this.#needs.log('warn', 'A call was refused: the caller may not call this service', {
      ...data,
      requestId: call.context.requestId,
    });
    this.#answerError(call, new TuttiError('FORBIDDEN', data));
  }

  /** A service named a user or tenant of its own; the call runs for nobody. */
  foundInvented(caller: string): void {
    this.counts.identitiesDropped += 1;
    this.#needs.log(
      'warn',
      'A call named its user or tenant, which only a gateway may: it is made for nobody',
      {
        caller,
      },
    );
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
      this.#overloaded(call);
    } else {
      for (const displaced of admittance.displaced) {
        this.#leftQueue(displaced, call.startedAt);
        this.#overloaded(displaced);
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
    if (call.served.isEvent) return;
    const answer = this.#answerOf(call, output);
    call.origin.answer(call, answer);
  }

  #answerOf(call: ServedCall, output: unknown): OutgoingFrame {
    let body: string | Uint8Array;
    try {
      body = bodyOf(output) || 'null';
    } catch (cause) {
      return this.#errorOf(call, new TuttiError('INTERNAL', {}, { cause }));
    }
    const frame = makeFrame(frameKinds.response, call.number, { body, load: this.load });
    if (frame.bytes <= bounds.frameBytes) return frame;
    return this.#errorOf(call, new TuttiError('PAYLOAD_TOO_LARGE', { limitBytes: bounds.frameBytes }));
  }

  #failed(call: ServedCall, error: unknown): void {
    endServedSpan(call.span, error);
    this.#leave(call);
    if (!call.served.isEvent) {
      this.#answerError(call, error);
      return;
    }
    this.counts.eventErrors += 1;
    this.#needs.log('error', 'An event handler failed', { event: call.action, ...whoAndWhy(call, error) });
  }

  /** Gives the place on, past those that came too late. */
  #leave(call: ServedCall): void {
    const { served } = call;
    const now = this.#needs.clock.now();
    this.counts.inFlight -= 1;
    this.#overdue.ended(call, now);
    if (!served.isEvent) this.#note(now - call.startedAt);
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
        this.#overloaded(call);
      }
    }
    this.#checkIdle();
    if (this.#busy.size > 0) this.#sweepTimer = this.#needs.clock.after(sweepMs, this.#sweep);
  };

  // --- answers of our own

  #isLate(call: ServedCall): boolean {
    return this.#needs.clock.now() >= call.context.deadline;
  }

  #expire(call: ServedCall): void {
    call.served.place?.takeBack(call.origin, call.number);
    this.counts.expired += 1;
    const afterMs = Math.round(this.#needs.clock.now() - call.startedAt);
    const { service } = this.#needs.self;
    this.#answerError(
      call,
      new TuttiError('CALL_TIMED_OUT', { service, action: this.#fullName(call), afterMs }),
    );
  }

  #overloaded(call: ServedCall): void {
    if (call.served.isEvent) {
      this.counts.eventsDropped += 1;
      return;
    }
    this.counts.rejected += 1;
    const data = { what: this.#fullName(call), retryAfterMs: bounds.actionQueueMs };
    this.#notStarted(call, new TuttiError('OVERLOADED', data));
  }

  /** Of a caller that has not asked, or asked too long ago. */
  #refuseBusy(call: ServedCall): void {
    this.#notStarted(call, new TuttiError('INSTANCE_BUSY', { instance: instanceId(this.#needs.self) }));
  }

  #stopping(call: ServedCall): void {
    const error = new TuttiError('STOPPING', { instance: instanceId(this.#needs.self), executed: 'no' });
    if (call.served.isEvent) this.counts.eventsDropped += 1;
    else this.#notStarted(call, error);
  }

  /** Another instance may have it. */
  #notStarted(call: ServedCall, error: TuttiError): void {
    const parts = { load: this.load, flags: frameFlags.notStarted };
    call.origin.answer(call, errorFrame(call.number, error, parts));
  }

  #answerError(call: ServedCall, error: unknown): void {
    if (!call.served.isEvent) call.origin.answer(call, this.#errorOf(call, error));
  }

  /** Bugs and what is our fault are told here in full: the caller gets no more than a code. */
  #errorOf(call: ServedCall, error: unknown): OutgoingFrame {
    const isBug = !(error instanceof TuttiError) || error.code === 'INTERNAL';
    if (isBug || error.http >= 500) this.counts.errors += 1;
    if (isBug)
      this.#needs.log('error', 'An action failed', {
        action: this.#fullName(call),
        ...whoAndWhy(call, error),
      });
    return errorFrame(call.number, error, { load: this.load });
  }

  #fullName(call: ServedCall): string {
    return `${this.#needs.self.service}.${call.action}`;
  }
}

const isThenable = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';

const whoAndWhy = (call: ServedCall, error: unknown): Record<string, unknown> => ({
  caller: call.context.caller,
  requestId: call.context.requestId,
  error,
});
