/**
 * Makes the actions and subscriptions of a definition ready to be served: validate, run, validate the answer, shape it for HTTP.
 * The order is fixed; the responder has admitted and authorised the call before.
 */
import { bounds } from '../core/bounds.ts';
import { isOwnFault, isTuttiError, TuttiError } from '../core/errors.ts';
import { shown } from '../core/options.ts';
import { inputIssues } from '../define/schema.ts';
import type { SchemaResult } from '../define/schema.ts';
import type { ServiceManifest } from '../define/manifest.ts';
import type { ActionDefinition, ServiceDefinition, Subscription } from '../define/service.ts';
import type { ResponderAction, ResponderEvent } from '../mesh/responder.ts';
import type { IncomingCall } from '../mesh/served-call.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ActionMetrics } from '../telemetry/action-metrics.ts';
import type { HandlerKit } from './handling.ts';
import { CallHandling } from './handling.ts';
import { invalidInput } from './invalid-input.ts';
import { channelChain } from './channels.ts';
import { streamChain } from './streams.ts';
import { afterwards, isThenable, nothing, validator } from './validate.ts';

type Run = (handling: CallHandling) => unknown;

export interface Serving {
  readonly definition: ServiceDefinition;
  readonly manifest: ServiceManifest;
  readonly kit: HandlerKit;
  readonly metrics: ActionMetrics;
  readonly log: Logger;
}

/** The steps of one action, each known once and not looked up per call. */
function chain(
  action: ActionDefinition,
  label: string,
): (call: IncomingCall, input: unknown, kit: HandlerKit) => unknown {
  const readInput = action.input === undefined ? nothing : validator(action.input);
  const readOutput =
    action.output === undefined || action.checkOutput === false ? undefined : validator(action.output);
  const reply = typeof action.http === 'object' && 'reply' in action.http ? action.http.reply : undefined;
  const contentType =
    typeof action.http === 'object' && 'contentType' in action.http ? action.http.contentType : undefined;
  const run = action.run as Run;

  const checked = (output: unknown): unknown => {
    if (readOutput === undefined) return output;
    return afterwards(readOutput(output), (result: SchemaResult<unknown>) => {
      if (result.issues === undefined) return result.value;
      throw new TuttiError('INVALID_OUTPUT', { action: label }, { cause: inputIssues(result.issues) });
    });
  };
  return (call, input, kit) =>
    afterwards(readInput(input), (result: SchemaResult<unknown>) => {
      if (result.issues !== undefined) throw invalidInput(result.issues);
      const answer = afterwards(run(new CallHandling(kit, call, result.value)), checked);
      if (!call.http) return answer;
      const shaped =
        reply === undefined
          ? answer
          : afterwards(answer, (output) => reply(output, { requestId: call.context.requestId }));
      return afterwards(shaped, (body) => bodyFor(contentType, body, label));
    });
}

/** Text and bytes leave as they are where the route says what they are, and only there. */
function bodyFor(contentType: string | undefined, body: unknown, label: string): unknown {
  const isBytes = body instanceof Uint8Array;
  if (contentType === undefined ? !isBytes : isBytes) return body;
  if (contentType !== undefined && typeof body === 'string') return Buffer.from(body);
  const message =
    contentType === undefined
      ? `${label} gave bytes, and its route has no contentType`
      : `${label} gave neither text nor bytes, which is all that can be ${contentType}`;
  throw new TuttiError('INVALID_OUTPUT', { message }, { cause: message });
}

/** A bug becomes the caller's INTERNAL; here, under the same request id, it is told in full. */
function tellBug(log: Logger, what: string, error: unknown): void {
  const refusedBy = isOwnFault(error) ? error.from : undefined;
  const isKnown = isTuttiError(error) && error.code !== 'INVALID_OUTPUT' && error.code !== 'INTERNAL';
  if (isKnown && refusedBy === undefined) return;
  const cause = error instanceof Error ? error.cause : undefined;
  log.error('A handler failed', {
    what,
    ...(refusedBy === undefined ? {} : { refusedBy }),
    error: error instanceof Error ? (error.stack ?? error.message) : shown(error),
    ...(cause === undefined ? {} : { cause }),
  });
}

const codeOf = (error: unknown): string => (isTuttiError(error) ? error.code : 'INTERNAL');

/** Counts and tells how it ended, without a promise of its own where there was none. */
export function observed(
  serving: Serving,
  label: string,
  body: (input: unknown, call: IncomingCall) => unknown,
): (input: unknown, call: IncomingCall) => unknown {
  const { clock } = serving.kit;
  const record = serving.metrics.recorder(label);
  return (input, call) => {
    const startedAt = clock.now();
    const failed = (thrown: unknown): never => {
      // How this handler calls others is its own affair: whoever called it cannot mend that.
      const error = isOwnFault(thrown) ? new TuttiError('INTERNAL', {}, { cause: thrown }) : thrown;
      record(clock.now() - startedAt, codeOf(error));
      tellBug(serving.log, label, thrown);
      throw error;
    };
    const done = (output: unknown): unknown => {
      record(clock.now() - startedAt, 'ok');
      return output;
    };
    try {
      const result = body(input, call);
      if (result instanceof Promise) return result.then(done, failed);
      return isThenable(result) ? Promise.resolve(result).then(done, failed) : done(result);
    } catch (error) {
      return failed(error);
    }
  };
}

const silenceOf = ({ isStream, isChannel, silenceMs }: ActionDefinition): number | undefined =>
  isStream === true || isChannel === true ? (silenceMs ?? bounds.streamSilenceMs) : undefined;

export function servedActions(serving: Serving): ResponderAction[] {
  return Object.entries(serving.definition.actions).map(([name, action]) => {
    const label = `${serving.definition.name}.${name}`;
    const isChannel = action.isChannel === true;
    const makeSteps = isChannel ? channelChain : action.isStream === true ? streamChain : chain;
    const steps = makeSteps(action, label);
    const described = serving.manifest.actions[name];
    return {
      name,
      hash: described?.hash ?? '',
      idempotent: described?.idempotent ?? false,
      concurrency: described?.concurrency ?? 1,
      priority: described?.priority,
      silenceMs: silenceOf(action),
      isChannel,
      // A channel never comes to its end by itself; who wants it opens it again.
      isResumable: isChannel || described?.http?.resume !== undefined,
      invoke: observed(serving, name, (input, call) => steps(call, input, serving.kit)),
    };
  });
}

function deliver(
  event: string,
  subscription: Subscription,
  kit: HandlerKit,
): (payload: unknown, call: IncomingCall) => unknown {
  const read = validator(subscription.schema);
  const handle = subscription.handle as Run;
  return (payload, call) =>
    afterwards(read(payload), (result: SchemaResult<unknown>) => {
      if (result.issues === undefined) return handle(new CallHandling(kit, call, result.value));
      throw new TuttiError(
        'INTERNAL',
        { message: `The event ${event} does not fit the schema of its subscriber` },
        { cause: inputIssues(result.issues) },
      );
    });
}

export function servedEvents(serving: Serving): ResponderEvent[] {
  return Object.entries(serving.definition.events)
    .filter(([, { mode }]) => mode !== 'durable')
    .map(([event, subscription]) => ({
      event,
      deliver: observed(serving, `event ${event}`, deliver(event, subscription, serving.kit)),
    }));
}
