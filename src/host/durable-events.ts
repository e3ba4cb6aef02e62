/**
 * Takes events that must not be lost, one call each, from the store alone. Its answer says how it went, in full: the store keeps that with an event that is
 * given up, and it is read by who runs the app.
 */
import { isTuttiError, TuttiError } from '../core/errors.ts';
import { instanceId, isSystemService } from '../core/ids.ts';
import { shown } from '../core/options.ts';
import { inputIssues } from '../define/schema.ts';
import type { SchemaResult } from '../define/schema.ts';
import type { Subscription } from '../define/service.ts';
import { eventAction } from '../mesh/kept-event.ts';
import type { DeliveredEvent, HowItWent } from '../mesh/kept-event.ts';
import type { ResponderAction } from '../mesh/responder.ts';
import type { IncomingCall } from '../mesh/served-call.ts';
import { observed } from './actions.ts';
import type { Serving } from './actions.ts';
import { CallHandling } from './handling.ts';
import type { HandlerKit } from './handling.ts';
import { afterwards, validator } from './validate.ts';

/** Its id is the same at each delivery. */
class EventHandling extends CallHandling {
  readonly #id: string;

  // eslint-disable-next-line max-params -- as its parent
  constructor(
    kit: HandlerKit,
    call: IncomingCall,
    input: unknown,
    { id, attempt }: Pick<DeliveredEvent, 'id' | 'attempt'>,
  ) {
    super(kit, call, input, attempt);
    this.#id = id;
  }

  override get idempotencyKey(): string {
    return this.#id;
  }
}

function handled(event: string, { schema, handle }: Subscription, { kit }: Serving) {
  const read = validator(schema);
  const run = handle as (handling: object) => unknown;
  return (input: unknown, call: IncomingCall): unknown => {
    const { kept, id, attempt } = input as DeliveredEvent;
    return afterwards(read(kept.payload), (result: SchemaResult<unknown>) => {
      if (result.issues === undefined)
        return run(new EventHandling(kit, call, result.value, { id, attempt }));
      const issues = inputIssues(result.issues);
      const message = `The event ${event} does not fit the schema of its subscriber`;
      throw new TuttiError('INVALID_INPUT', { message, issues });
    });
  };
}

function howItFailed(error: unknown): HowItWent {
  const code = isTuttiError(error) ? error.code : 'INTERNAL';
  // It came to this event's own form or to a call of its handler: the second is the handler's own affair.
  const isUnfit = code === 'INVALID_INPUT';
  const text = error instanceof Error ? (error.stack ?? error.message) : shown(error);
  return { failed: isTuttiError(error) ? `${code}: ${error.message}` : text, isUnfit };
}

export function servedDurableEvents(serving: Serving): ResponderAction[] {
  return Object.entries(serving.definition.events)
    .filter(([, { mode }]) => mode === 'durable')
    .map(([event, subscription]) => {
      const name = eventAction(event);
      const run = observed(serving, `event ${event}`, handled(event, subscription, serving));
      return {
        name,
        ...{ hash: '', idempotent: true, isKept: true },
        concurrency: serving.manifest.events[event]?.durable?.concurrency ?? 1,
        async invoke(input, call): Promise<HowItWent> {
          if (!isSystemService(call.caller.service))
            throw new TuttiError('FORBIDDEN', { caller: instanceId(call.caller), action: name });
          try {
            await run(input, call);
            return null;
          } catch (error) {
            return howItFailed(error);
          }
        },
      };
    });
}
