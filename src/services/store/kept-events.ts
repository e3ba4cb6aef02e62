/** What is kept of events, counted and read, page by page: between two pages everybody else has his turn. */
import { setImmediate as turn } from 'node:timers/promises';
import type { KeptEventsView, KeptEventView, TopicView } from '../../core/event-view.ts';
import { readKept } from '../../mesh/kept-event.ts';
import type { NumberSpan, ReadInput, ReadPage, TopicsPage } from '../../stores/event-log/event-pages.ts';
import type { KeptEvent } from '../../stores/event-log/event-tables.ts';
import type { Store } from '../../stores/sqlite/store.ts';

interface Topic extends TopicView {
  readonly owed: Record<string, number>;
}

function addPage(topics: Map<string, Topic>, page: TopicsPage): void {
  for (const { event, kept, oldest, newest } of page.topics) {
    const before = topics.get(event) ?? { event, kept: 0, oldestAt: oldest, newestAt: newest, owed: {} };
    const oldestAt = Math.min(before.oldestAt, oldest);
    const newestAt = Math.max(before.newestAt, newest);
    topics.set(event, { ...before, kept: before.kept + kept, oldestAt, newestAt });
  }
  for (const { event, receiver, owed } of page.owed) {
    const counts = topics.get(event)?.owed ?? {};
    counts[receiver] = (counts[receiver] ?? 0) + owed;
  }
}

/** By name. What comes and goes meanwhile may be counted or not. */
export async function listTopics(store: Store): Promise<TopicView[]> {
  const topics = new Map<string, Topic>();
  for (let after: number | null = 0; after !== null;) {
    const page = store.query({ area: 'events', name: 'topics', input: { after } }) as TopicsPage;
    addPage(topics, page);
    after = page.through;
    await turn();
  }
  return [...topics.values()].sort((left, right) => (left.event < right.event ? -1 : 1));
}

const viewOf = ({ seq, event, id, key, priority, at, body }: KeptEvent): KeptEventView => {
  return { seq, event, id, key, priority, at, payload: readKept(body).payload };
};

/** The number before the first of that time; undefined: nothing was kept since then. */
function placeBefore(store: Store, since: number): number | undefined {
  // All of it: nobody has to go through its times.
  if (since <= 0) return 0;
  const input = { since, until: Number.MAX_SAFE_INTEGER };
  const found = store.query({ area: 'events', name: 'span', input }) as NumberSpan | undefined;
  return found && found.first - 1;
}

/** Oldest first, as many as were asked for, or as much as one answer has. */
export async function readEvents(store: Store, { limit, ...input }: ReadInput): Promise<KeptEventsView> {
  const before = placeBefore(store, input.since);
  if (before === undefined) return { events: [], next: null };
  const events: KeptEventView[] = [];
  for (let after = Math.max(input.after, before); ;) {
    const ask: ReadInput = { ...input, after, limit: limit - events.length };
    const page = store.query({ area: 'events', name: 'read', input: ask }) as ReadPage;
    events.push(...page.events.map(viewOf));
    if (page.isFull || page.through === null) return { events, next: page.through };
    after = page.through;
    await turn();
  }
}
