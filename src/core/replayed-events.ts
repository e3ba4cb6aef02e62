/** Which events a service is given once more when it is asked for. Pure; used by the owner of the store. */
import { TuttiError } from './errors.ts';

/** More of them are no help. */
const mostNames = 20;
const listOf = (names: readonly string[]): string =>
  names.length === 0 ? 'none' : names.slice(0, mostNames).join(', ');

/**
 * @param durable by service: the events that it subscribes to durably.
 * @param event only this one; undefined: all of them.
 * @throws {TuttiError} `NOT_FOUND` with what there is: no such service, none that it has a durable subscription to.
 */
export function replayedEvents(
  durable: ReadonlyMap<string, readonly string[]>,
  receiver: string,
  event: string | undefined,
): readonly string[] {
  const events = durable.get(receiver) ?? [];
  const refuse = (message: string): TuttiError => new TuttiError('NOT_FOUND', { message });
  if (events.length === 0) {
    const others = listOf([...durable].flatMap(([name, { length }]) => (length === 0 ? [] : [name])));
    const what = durable.has(receiver)
      ? `${receiver} has no durable subscription`
      : `There is no service ${receiver}`;
    throw refuse(`${what}; services with durable subscriptions: ${others}`);
  }
  if (event === undefined) return events;
  if (events.includes(event)) return [event];
  throw refuse(`${receiver} has no durable subscription to ${event}; it has them to: ${listOf(events)}`);
}
