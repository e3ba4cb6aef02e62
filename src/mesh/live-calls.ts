/**
 * The calls of one caller, each from its start to its end: refused at once or prepared once, sent on its way, settled once.
 * Where a call goes is `CallRoutes`' affair; what instances say of it comes through the caller.
 */
import { bounds } from '../core/bounds.ts';
import { TuttiError } from '../core/errors.ts';
import type { Clock } from '../core/ports.ts';
import { RetryBudget } from '../core/retry-budget.ts';
import { tunedActions, untuned } from '../core/tuning.ts';
import type { CallRoutes } from './call-routes.ts';
import type { CallContext } from './context.ts';
import { frameFlags, frameKinds } from './frames.ts';
import { deadlineOf, frameOf, parentOf } from './outgoing-call.ts';
import { makePendingCall, timedOut } from './pending-call.ts';
import type { CallRequest, PendingCall, ServiceCalls, Settlers } from './pending-call.ts';
import type { RegistryView } from './registry-view.ts';
import { callSpan, endCallSpan } from './spans.ts';
import type { NewTraceId } from './trace-ids.ts';

export interface LiveCallsNeeds {
  readonly clock: Clock;
  readonly registry: RegistryView;
  readonly newTraceId: NewTraceId;
  readonly maySelf?: ((service: string) => boolean) | undefined;
  readonly routes: CallRoutes;
  /** A call is under way: somebody has to look at its deadline. */
  readonly onStart: () => void;
}

interface Beginning extends Settlers, Pick<PendingCall, 'span'> {
  readonly parent: CallContext | undefined;
}

export class LiveCalls {
  readonly counts = { inFlight: 0, calls: 0, failures: 0 };
  readonly #needs: LiveCallsNeeds;
  /** Of every service that was called. */
  readonly #services = new Map<string, ServiceCalls>();
  #isClosed = false;

  constructor(needs: LiveCallsNeeds) {
    this.#needs = needs;
  }

  /** The executor's throw is the promise's rejection. */
  begin(request: CallRequest): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.start(request, { resolve, reject });
    });
  }

  /** @throws {TuttiError} when it cannot begin; nothing is settled then. */
  start(request: CallRequest, { resolve, reject }: Settlers): PendingCall {
    this.counts.calls += 1;
    const parent = parentOf(request.options);
    const span = callSpan(request, parent);
    try {
      const call = this.#prepare(request, { resolve, reject, parent, span });
      this.counts.inFlight += 1;
      call.of.inFlight += 1;
      call.of.budget.called(call.startedAt);
      this.#needs.onStart();
      this.#listenForAbort(call, request.options.signal);
      if (!call.isSettled) this.#needs.routes.attempt(call);
      return call;
    } catch (error) {
      this.counts.failures += 1;
      endCallSpan(span, error);
      throw error;
    }
  }

  /** It is not wanted any more, wherever it is. */
  takeBack(call: PendingCall, error: Error): void {
    this.#needs.routes.takeBack(call);
    this.fail(call, error);
  }

  fail(call: PendingCall, error: Error): void {
    if (!this.settle(call, error)) return;
    this.counts.failures += 1;
    call.reject(error);
  }

  /** False: it was before. */
  settle(call: PendingCall, error?: Error): boolean {
    if (call.isSettled) return false;
    call.isSettled = true;
    this.counts.inFlight -= 1;
    call.of.inFlight -= 1;
    call.stopListening?.();
    endCallSpan(call.span, error);
    return true;
  }

  /** How the services want to be called may have changed. */
  refresh(): void {
    for (const [service, calls] of this.#services)
      calls.tuned = tunedActions(this.#needs.registry.service(service)?.calls);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Nothing begins any more; what is under way goes on. */
  close(): void {
    this.#isClosed = true;
  }

  #prepare(request: CallRequest, { resolve, reject, parent, span }: Beginning): PendingCall {
    const { service, action, options } = request;
    const of = this.#callsTo(service);
    this.#refuseAtOnce(request, of);
    const startedAt = this.#needs.clock.now();
    const tuned = of.tuned.get(action) ?? untuned;
    const isStream = request.stream !== undefined;
    const deadline = deadlineOf(options, parent, startedAt, isStream ? Infinity : tuned.deadlineMs);
    // Written so that NaN is late too.
    if (!(deadline > startedAt)) throw timedOut({ service, action, startedAt, deadline });
    const flags = (request.forHttp ? frameFlags.http : 0) | (isStream ? frameFlags.stream : 0);
    const kind = frameKinds.request;
    const trace = span?.trace;
    const outgoing = { kind, body: request.input, flags, options, parent, deadline, trace };
    const frame = frameOf(outgoing, this.#needs.newTraceId);
    // A stream has as long as a call to begin.
    const untilBegun = isStream ? Math.min(deadline, startedAt + bounds.callMs) : deadline;
    const sending = { of, tuned, frame, startedAt, deadline: untilBegun, resolve, reject, span };
    return makePendingCall(request, sending);
  }

  #refuseAtOnce({ service, action }: CallRequest, { inFlight }: ServiceCalls): void {
    if (this.#isClosed) throw new TuttiError('CANCELLED');
    if (this.#needs.maySelf?.(service) === false)
      throw new TuttiError('FORBIDDEN', { caller: 'This service', action: `${service}.${action}` });
    // One that does not answer must not take all the memory of those who ask it.
    if (inFlight >= bounds.callsToService) throw new TuttiError('OVERLOADED', { what: service });
  }

  #callsTo(service: string): ServiceCalls {
    const known = this.#services.get(service);
    if (known !== undefined) return known;
    const listed = this.#needs.registry.service(service);
    const calls = { budget: new RetryBudget(), inFlight: 0, tuned: tunedActions(listed?.calls) };
    // A name that nobody has is not remembered: there are too many of them.
    if (listed !== undefined) this.#services.set(service, calls);
    return calls;
  }

  #listenForAbort(call: PendingCall, signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    const takeBack = (): void => {
      this.takeBack(call, new TuttiError('CANCELLED', {}, { cause: signal.reason }));
    };
    if (signal.aborted) {
      takeBack();
      return;
    }
    signal.addEventListener('abort', takeBack, { once: true });
    call.stopListening = () => {
      signal.removeEventListener('abort', takeBack);
    };
  }
}
