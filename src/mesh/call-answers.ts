/**
 * The one answer of each call: its output, its error, or why it was not started. Counts what was answered, and tells the log what callers
 * are not told. Used by the call desk. An event has no answer: it is counted, and its error told.
 */
import { bounds } from '../core/bounds.ts';
import { TuttiError } from '../core/errors.ts';
import { instanceId } from '../core/ids.ts';
import type { InstanceRef } from '../core/ids.ts';
import type { Clock } from '../core/ports.ts';
import { bodyOf } from './body.ts';
import { errorFrame } from './error-frame.ts';
import { frameFlags, frameKinds, makeFrame } from './frames.ts';
import type { OutgoingFrame } from './frames.ts';
import type { MeshLog } from './mesh-log.ts';
import type { ServedCall } from './served-call.ts';
import { loadOf } from './served-counts.ts';
import type { ServedCounts } from './served-counts.ts';

export interface CallAnswersNeeds {
  readonly self: InstanceRef;
  readonly clock: Clock;
  readonly log: MeshLog;
  readonly counts: ServedCounts;
}

export class CallAnswers {
  readonly #needs: CallAnswersNeeds;

  constructor(needs: CallAnswersNeeds) {
    this.#needs = needs;
  }

  succeeded(call: ServedCall, output: unknown): void {
    if (!call.served.isEvent) call.origin.answer(call, this.#answerOf(call, output));
  }

  failed(call: ServedCall, error: unknown): void {
    if (!call.served.isEvent) {
      this.#answerError(call, error);
      return;
    }
    const { counts, log } = this.#needs;
    counts.eventErrors += 1;
    log('error', 'An event handler failed', { event: call.action, ...whoAndWhy(call, error) });
  }

  forbidden(call: ServedCall): void {
    const { counts, log } = this.#needs;
    const { caller, requestId } = call.context;
    const data = { caller, action: this.nameOf(call) };
    counts.forbidden += 1;
    log('warn', 'A call was refused: the caller may not call this service', { ...data, requestId });
    this.#answerError(call, new TuttiError('FORBIDDEN', data));
  }

  /** Its deadline was over before it began. */
  expired(call: ServedCall): void {
    const { counts, clock, self } = this.#needs;
    counts.expired += 1;
    const afterMs = Math.round(clock.now() - call.startedAt);
    const data = { service: self.service, action: this.nameOf(call), afterMs };
    this.#answerError(call, new TuttiError('CALL_TIMED_OUT', data));
  }

  overloaded(call: ServedCall): void {
    const { counts } = this.#needs;
    if (call.served.isEvent) {
      counts.eventsDropped += 1;
      return;
    }
    counts.rejected += 1;
    const data = { what: this.nameOf(call), retryAfterMs: bounds.actionQueueMs };
    this.#notStarted(call, new TuttiError('OVERLOADED', data));
  }

  /** Of a caller that has not asked for its place, or asked too long ago. */
  busy(call: ServedCall): void {
    this.#notStarted(call, new TuttiError('INSTANCE_BUSY', { instance: instanceId(this.#needs.self) }));
  }

  stopping(call: ServedCall): void {
    const { counts, self } = this.#needs;
    const error = new TuttiError('STOPPING', { instance: instanceId(self), executed: 'no' });
    if (call.served.isEvent) counts.eventsDropped += 1;
    else this.#notStarted(call, error);
  }

  nameOf(call: ServedCall): string {
    return `${this.#needs.self.service}.${call.action}`;
  }

  /** Another instance may have it. */
  #notStarted(call: ServedCall, error: TuttiError): void {
    const parts = { load: loadOf(this.#needs.counts), flags: frameFlags.notStarted };
    call.origin.answer(call, errorFrame(call.number, error, parts));
  }

  #answerError(call: ServedCall, error: unknown): void {
    if (!call.served.isEvent) call.origin.answer(call, this.#errorOf(call, error));
  }

  #answerOf(call: ServedCall, output: unknown): OutgoingFrame {
    let body: string | Uint8Array;
    try {
      body = bodyOf(output) || 'null';
    } catch (cause) {
      return this.#errorOf(call, new TuttiError('INTERNAL', {}, { cause }));
    }
    const parts = { body, load: loadOf(this.#needs.counts) };
    const frame = makeFrame(frameKinds.response, call.number, parts);
    if (frame.bytes <= bounds.frameBytes) return frame;
    return this.#errorOf(call, new TuttiError('PAYLOAD_TOO_LARGE', { limitBytes: bounds.frameBytes }));
  }

  /** Bugs and what is our fault are told here in full: the caller gets no more than a code. */
  #errorOf(call: ServedCall, error: unknown): OutgoingFrame {
    const { counts, log } = this.#needs;
    const isBug = !(error instanceof TuttiError) || error.code === 'INTERNAL';
    if (isBug || error.http >= 500) counts.errors += 1;
    if (isBug) log('error', 'An action failed', { action: this.nameOf(call), ...whoAndWhy(call, error) });
    return errorFrame(call.number, error, { load: loadOf(counts) });
  }
}

const whoAndWhy = (call: ServedCall, error: unknown): Record<string, unknown> => ({
  caller: call.context.caller,
  requestId: call.context.requestId,
  error,
});
