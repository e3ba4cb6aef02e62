/** Durable events as whoever looks after them sees them: the shapes of the admin API, and of `--json`. Times are epoch milliseconds. */

/** One name of which events are kept. */
export interface TopicView {
  readonly event: string;
  readonly kept: number;
  readonly oldestAt: number;
  readonly newestAt: number;
  /** Who has some of it to come, and how many. */
  readonly owed: Readonly<Record<string, number>>;
}

/** One service that gets durable events. */
export interface GroupView {
  readonly receiver: string;
  readonly owed: number;
  /** Given up after all their attempts. */
  readonly dead: number;
  /** How old the oldest is that it has still to get; 0: it has all. */
  readonly lagMs: number;
}

export interface KeptEventView {
  /** Its number: grows in the order in which they were kept. */
  readonly seq: number;
  readonly event: string;
  readonly id: string;
  readonly key: string | null;
  readonly priority: number;
  readonly at: number;
  readonly payload: unknown;
}

export interface KeptEventsView {
  readonly events: readonly KeptEventView[];
  /** The number after which there may be more; null: there is no more. */
  readonly next: number | null;
}

export interface ReplayView {
  /** So many will be delivered once more. */
  readonly count: number;
  /** So many of that time were to come anyway. */
  readonly owed: number;
  readonly since: number;
  readonly until: number;
  readonly events: readonly string[];
}
