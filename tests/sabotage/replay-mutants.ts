/** What is broken of looking at durable events and of having them delivered once more; see `mutants.ts`. */
import type { Mutant } from './mutant.ts';

type Place = Pick<Mutant, 'file' | 'tests' | 'name'>;
const queue = (name: string): Place => ({
  file: 'src/core/delivery-queue.ts',
  tests: ['tests/core/delivery-queue'],
  name,
});
const change = (name: string): Place => ({
  file: 'src/stores/event-log/event-replay.ts',
  tests: ['tests/stores/events-area'],
  name,
});
const pages = (name: string): Place => ({
  file: 'src/stores/event-log/event-pages.ts',
  tests: ['tests/stores/events-area'],
  name,
});
const whole = (name: string, file = 'src/services/store/event-replay.ts'): Place => ({
  file,
  tests: ['tests/services/store/event-replay'],
  name,
});
const shell = (name: string, file: string): Place => ({ file, tests: ['tests/cli/kept-events'], name });

export const replayMutants: readonly Mutant[] = [
  {
    promise: 'replay: an old one comes before a new one of its key that only waited',
    ...queue('that only waited'),
    find: 'for (const delivery of untaken) this.done(delivery);',
    replace: 'for (const delivery of untaken) this.putBack(delivery, 0);',
  },
  {
    promise: 'replay: an old one comes before a new one of its key that failed',
    ...queue('one that failed meanwhile'),
    find: 'if (busy?.hasOlder === true) {',
    replace: 'if (busy?.seq === 0) {',
  },
  {
    promise: 'replay: one that failed before the old ones were seen waits for them',
    ...queue('one that fails before it was seen anew'),
    find: 'if (busy !== undefined && delivery.seq > this.#seen)',
    replace: 'if (busy?.seq === 0)',
  },
  {
    promise: 'replay: nothing newer begins while it is put together',
    ...whole('what was kept comes once more', 'src/services/store/event-dispatcher.ts'),
    find: '...[...this.#holds].map((hold) => hold.upTo)',
    replace: '...[]',
  },
  {
    promise: 'replay: what waits in memory does not overtake it',
    ...whole('what was kept comes once more', 'src/services/store/event-dispatcher.ts'),
    find: 'this.#holds.add(hold);\n    this.#queue.seeAnew();',
    replace: 'this.#holds.add(hold);',
  },
  {
    promise: 'replay: one whose delivery ends meanwhile is not forgotten',
    ...whole('one whose delivery ends in the commit'),
    find: '      await turn();\n',
    replace: '',
  },
  {
    promise: 'replay: how to go on is said when it is too much',
    ...whole('how to go on is said'),
    find: 'lastAt = page.throughAt ?? lastAt;',
    replace: 'lastAt = since;',
  },
  {
    promise: 'replay: a time that ends before it begins is refused',
    ...whole('a wish that cannot be'),
    find: 'wish.until < since',
    replace: 'wish.until < 0',
  },
  {
    promise: 'replay: what is still owed is not doubled, and keeps its attempts',
    ...change('what is still owed is not doubled'),
    find: 'const isOwed = before?.is_dead === 0 ||',
    replace: 'const isOwed = before?.is_dead === 2 ||',
  },
  {
    promise: 'replay: one that was given up has all its attempts',
    ...change('with all its attempts'),
    find: 'attempts: 0, due: now, is_dead: 0',
    replace: 'attempts: 1, due: now, is_dead: 0',
  },
  {
    promise: 'replay: one that was given up is not counted as given up any more',
    ...change('with all its attempts'),
    find: 'dead: -revived',
    replace: 'dead: 0',
  },
  {
    promise: 'replay: only what was kept in the time',
    ...change('only what was kept in the time'),
    find: 'at >= since && at <= until',
    replace: 'at >= since',
  },
  {
    promise: 'replay: only the events that were named',
    ...change('only what was kept in the time'),
    find: 'events.includes(event) && ',
    replace: '',
  },
  {
    promise: 'replay: a service has no more to come than it may have',
    ...change('one that has enough to come'),
    find: 'isFull = !isOwed && page.replayed === room;',
    replace: 'isFull = false;',
  },
  {
    promise: 'replay: a change goes through a page',
    ...change('a change goes through a page'),
    find: 'limit: bounds.eventPage }',
    replace: 'limit: 1_000 }',
  },
  {
    promise: 'replay: a service gets only what it subscribes to',
    file: 'src/core/replayed-events.ts',
    find: 'if (events.includes(event)) return [event];',
    replace: 'return [event];',
    tests: ['tests/core/replayed-events'],
  },
  {
    promise: 'replay: who wanted it is in the log',
    ...shell('who replays', 'src/services/store/event-replay.ts'),
    find: '{ receiver, by, since, until, events, count }',
    replace: '{ receiver, since, until, events, count }',
  },
  {
    promise: 'replay: from a moment on, and from no other',
    ...change('only what was kept in the time'),
    find: 'at >= since && at <= until',
    replace: 'at <= until',
  },
  {
    promise: 'events: how far a service is behind is as old as the oldest that it has to come',
    ...pages('the oldest that is owed'),
    file: 'src/stores/event-log/event-owed.ts',
    find: 'AND delivery.seq >= ? AND is_dead = 0 ORDER BY',
    replace: 'AND delivery.seq >= ? ORDER BY',
  },
  {
    promise: 'events: how far a service is behind counts what is owed to it again',
    ...pages('the oldest that is owed'),
    file: 'src/services/store/event-lag.ts',
    find: 'this.#from.delete(receiver);',
    replace: '',
  },
  {
    promise: 'events: all pages are counted',
    ...pages('what is kept is counted by name'),
    find: 'count < bounds.eventScan ? null',
    replace: 'count <= bounds.eventScan ? null',
  },
  {
    promise: 'events: what is read is of the time that was named',
    ...pages('when the clock was set back by hours'),
    find: 'mark.event !== event || mark.at < since',
    replace: 'mark.event !== event',
  },
  {
    promise: 'events: what is read at once is bounded',
    ...pages('what is kept is counted by name'),
    find: ' || size >= bounds.eventReadSize',
    replace: '',
  },
  {
    promise: 'events: how far a service is behind is in its metrics',
    ...shell('how far a service is behind', 'src/services/store/store.ts'),
    find: 'lagMs / 1_000',
    replace: 'lagMs',
  },
  {
    promise: 'events: an option that a deed does not hear is refused',
    ...shell('groups --since', 'src/cli/check-line.ts'),
    find: '!always.has(option) && !options.includes(option)',
    replace: 'always.has(option) && !options.includes(option)',
  },
  {
    promise: 'events: a replay needs a time',
    ...shell('tutti events replay mailer is refused', 'src/cli/events-change.ts'),
    find: 'if (since === undefined)\n',
    replace: "if (of === '')\n",
  },
];
