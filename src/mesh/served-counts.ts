/**
 * What one instance counts of the calls and events it serves; `ResponderStats` says what each is. Written by the call desk and by what
 * answers for it.
 */
export const makeServedCounts = () => ({
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
});

export type ServedCounts = ReturnType<typeof makeServedCounts>;

const mostLoad = 0xffff;

/** Running and waiting, as it travels in an answer. */
export const loadOf = ({ inFlight, queued }: ServedCounts): number => Math.min(mostLoad, inFlight + queued);
