/** One event, as its dispatcher holds it, handed to an instance: a call, with the body as it lies in the store. */
import { bounds } from '../../core/bounds.ts';
import type { DurablePolicy } from '../../define/durable.ts';
import type { Caller } from '../../mesh/caller.ts';
import { deliveredText, eventAction } from '../../mesh/kept-event.ts';
import type { DeliveredEvent, HowItWent } from '../../mesh/kept-event.ts';
import type { OwedEvent } from '../../stores/event-log/event-owed.ts';
import type { Store } from '../../stores/sqlite/store.ts';

export interface HandoverNeeds {
  readonly receiver: string;
  readonly store: Store;
  readonly caller: Caller;
}

/** What of it is needed to deliver it. */
export type EventToDeliver = Omit<OwedEvent, 'at'>;
/** `body`: undefined when it is too large to be held. */
export type HeldEvent = Omit<EventToDeliver, 'body'> & { readonly body: string | undefined };

export const heldOf = (event: EventToDeliver): HeldEvent =>
  event.body.length > bounds.heldEventChars ? { ...event, body: undefined } : event;

/** Its own is in its body. */
const noContext = { deadline: Infinity };

const isWhole = (held: HeldEvent): held is EventToDeliver => held.body !== undefined;

/** @throws {TuttiError} what the call throws, and what a query of the store does for the body of one that was too large to be held. */
export const handOver = (needs: HandoverNeeds, held: HeldEvent, policy: DurablePolicy): Promise<HowItWent> =>
  isWhole(held) ? send(needs, held, policy) : readAndSend(needs, held, policy);

async function readAndSend(needs: HandoverNeeds, held: HeldEvent, policy: DurablePolicy): Promise<HowItWent> {
  const input = { seq: held.seq };
  const body = needs.store.query({ area: 'events', name: 'body', input }) as string;
  return send(needs, { ...held, body }, policy);
}

function send(
  { caller, receiver }: HandoverNeeds,
  { event, id, priority, attempts, body }: EventToDeliver,
  { timeoutMs }: DurablePolicy,
): Promise<HowItWent> {
  const about: Omit<DeliveredEvent, 'kept'> = { id, attempt: attempts + 1 };
  const options = { deadlineMs: timeoutMs, retries: 0, priority, context: noContext };
  const delivered = deliveredText(about, body);
  return caller.call(receiver, eventAction(event), delivered, options) as Promise<HowItWent>;
}
