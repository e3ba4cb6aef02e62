/**
 * The store of an app, as a service: the one process that owns its file. What arrives in one turn of the event loop is one commit, and
 * each answer leaves after it. When the file has to be opened anew the process ends, and its successor does that.
 */
import { statSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { bounds } from '../../core/bounds.ts';
import type { ChangeWish } from '../../core/job-change.ts';
import type { JobEventsWish } from '../../core/job-events.ts';
import type { StorePlace } from '../../core/store-url.ts';
import { trusted } from '../../define/schema.ts';
import { defineSystemService } from '../../define/service.ts';
import { runWithoutContext } from '../../mesh/context.ts';
import type { MetricFamily, SystemRuntime } from '../../mesh/runtime.ts';
import type { EngineReport } from '../../stores/change-log/change-log.ts';
import { eventsArea } from '../../stores/event-log/events-area.ts';
import type { ReadInput } from '../../stores/event-log/event-pages.ts';
import type { DeadEvent, EventPlace, KeepInput, RedriveInput } from '../../stores/event-log/events-area.ts';
import type { Operation } from '../../stores/sqlite/area.ts';
import { jobsArea } from '../../stores/job-queue/jobs-area.ts';
import type { NamedJob } from '../../stores/job-queue/job-table.ts';
import type { Store, StoreStats } from '../../stores/sqlite/store.ts';
import { stateArea } from '../../stores/state/state-area.ts';
import type { OpenedStore } from './open-place.ts';
import { openPlace } from './open-place.ts';
import { EventDispatchers } from './event-dispatchers.ts';
import { EventLag } from './event-lag.ts';
import type { ReceiverLag } from './event-lag.ts';
import { replayEvents } from './event-replay.ts';
import type { ReplayWish } from './event-replay.ts';
import { JobDesk } from './job-desk.ts';
import type { EndWish } from './job-desk.ts';
import { waitMs } from './job-waiters.ts';
import { listTopics, readEvents } from './kept-events.ts';
import { readChange } from '../../mesh/store-change.ts';
import type { ChangeNumber, StoreAsk } from '../../mesh/store-change.ts';

const storeConfig = trusted<StorePlace>();

interface StoreParts {
  readonly store: Store;
  readonly dispatchers: EventDispatchers;
  readonly lag: EventLag;
  readonly jobs: JobDesk;
  readonly opened: OpenedStore;
  metrics(): MetricFamily[];
}

/** `users#1@3`, and which of the clients that it ever had: the epoch of a slot begins anew with each start of the app. */
function operationOf(caller: string, { origin, number }: ChangeNumber): Operation {
  const at = caller.lastIndexOf('@');
  return { instance: `${caller.slice(0, at)} ${origin}`, epoch: Number(caller.slice(at + 1)), number };
}

const single = (value: number): MetricFamily['samples'] => [{ labels: {}, value }];

function storeFamilies(stats: StoreStats): MetricFamily[] {
  const { commits, mutations, repeated, forgottenEarly, operations, waiting, logBytes } = stats;
  // prettier-ignore
  return [
    { name: 'tutti_store_commits_total', type: 'counter', help: 'Commits of the store.', samples: single(commits) },
    { name: 'tutti_store_mutations_total', type: 'counter', help: 'Changes in them.', samples: single(mutations) },
    { name: 'tutti_store_repeated_total', type: 'counter', help: 'Changes that were asked for again, and answered from memory.', samples: single(repeated) },
    { name: 'tutti_store_forgotten_early_total', type: 'counter', help: 'Answers forgotten before their time: too many.', samples: single(forgottenEarly) },
    { name: 'tutti_store_operations', type: 'gauge', help: 'Answers that are remembered.', samples: single(operations) },
    { name: 'tutti_store_waiting', type: 'gauge', help: 'Changes that wait for their commit.', samples: single(waiting) },
    { name: 'tutti_store_log_bytes', type: 'gauge', help: 'What is not yet in the main file.', samples: single(logBytes) },
  ];
}

function eventFamilies(lag: EventLag): MetricFamily[] {
  const receivers = lag.read();
  const samples = (of: (one: ReceiverLag) => number): MetricFamily['samples'] =>
    receivers.map((one) => ({ labels: { receiver: one.receiver }, value: of(one) }));
  // prettier-ignore
  return [
    { name: 'tutti_events_owed', type: 'gauge', help: 'Durable events that a service has still to get.', samples: samples(({ owed }) => owed) },
    { name: 'tutti_events_dead', type: 'gauge', help: 'Durable events that were given up.', samples: samples(({ dead }) => dead) },
    { name: 'tutti_events_lag_seconds', type: 'gauge', help: 'How old the oldest durable event is that a service has still to get.', samples: samples(({ lagMs }) => lagMs / 1_000) },
  ];
}

/** As one for each class would be read by people who alert on it: the class is a label. */
const ackFamily = ({ ack }: EngineReport): MetricFamily => ({
  name: 'tutti_store_ack',
  type: 'gauge',
  help: 'What an acknowledgement survives, as its label says.',
  samples: [{ labels: { class: ack }, value: 1 }],
});

/** Those that were dead when it was asked for, page by page: a page is a change. */
async function redriveAll(owned: Store, input: RedriveInput): Promise<number> {
  let count = 0;
  for (let last: number = bounds.eventPage; last === bounds.eventPage; count += last)
    last = (await owned.mutate({ area: 'events', name: 'redrive', input })) as number;
  return count;
}

/** The process is of no use any more: it ends, loudly, and is started again. */
function endProcess(error: Error): void {
  setImmediate(() => {
    throw error;
  });
}

export const store = defineSystemService<SystemRuntime, StoreParts, typeof storeConfig>({
  name: 'store',
  version: '0.1.0',
  config: storeConfig,
  open: async ({ config, runtime, log }) => {
    const areas = [stateArea, eventsArea, jobsArea];
    const opened = await openPlace(config, { areas, clock: runtime.clock, log, onFailure: endProcess });
    const owned = opened.store;
    const dispatchers = new EventDispatchers({ store: owned, runtime, log });
    const lag = new EventLag(owned);
    const jobs = new JobDesk({ store: owned, runtime, log });
    const metrics = (): MetricFamily[] => [
      ...storeFamilies(owned.stats()),
      ackFamily(opened.report()),
      ...eventFamilies(lag),
      ...jobs.metrics(),
    ];
    return { store: owned, dispatchers, lag, jobs, opened, metrics };
  },
  // Those that are being handled are waited for while the store still serves.
  drain: async ({ parts }) => {
    await Promise.all([parts.dispatchers.stop(), parts.jobs.stop()]);
  },
  close: ({ parts }) => parts.opened.close(),
  actions: (action) => ({
    // Repeated by whoever asks: what has the same number is done once.
    mutate: action({
      idempotent: true,
      concurrency: bounds.storeWaiting,
      input: trusted<Uint8Array>(),
      async run({ input: bytes, caller, parts }) {
        const { store: owned, dispatchers, jobs } = parts;
        const { area, name, input, ...change } = readChange(bytes);
        const stored = owned.mutate({ area, name, input, bytes, operation: operationOf(caller, change) });
        // What is added is begun in the commit that stores it.
        if (area === 'jobs' && name === 'add') jobs.wake((input as NamedJob).queue);
        const answer = await stored;
        // The answer leaves first: who waits for it goes on while they are handed over.
        if (area === 'events' && name === 'keep')
          setImmediate(() => {
            dispatchers.kept((input as KeepInput).events, answer as number[]);
          });
        if (area === 'jobs') jobs.changed(name, input as Partial<NamedJob>, answer);
        return answer;
      },
    }),
    query: action({
      idempotent: true,
      input: trusted<StoreAsk>(),
      run: ({ input, parts: { store: owned, jobs } }) =>
        input.area === 'jobs' && input.name === 'queues' ? jobs.queues() : owned.query(input),
    }),
    wait: action({
      idempotent: true,
      // The desk has the bounds, and says what they are of.
      concurrency: 4 * bounds.jobWaiters,
      input: trusted<
        | { readonly name: 'end'; readonly input: EndWish }
        | { readonly name: 'change'; readonly input: ChangeWish }
        | { readonly name: 'events'; readonly input: JobEventsWish }
      >(),
      run({ input, parts: { jobs }, signal, remainingMs }): Promise<unknown> {
        const until = { signal, withinMs: waitMs(input.input.withinMs, remainingMs()) };
        if (input.name === 'events') return jobs.events(input.input, until);
        return input.name === 'change' ? jobs.change(input.input, until) : jobs.end(input.input, until);
      },
    }),
    about: action({
      idempotent: true,
      run: ({ parts: { store: owned, opened } }) => ({
        ...opened.report(),
        file: opened.file,
        bytes: statSync(opened.file).size,
        ...owned.stats(),
      }),
    }),
    backup: action({
      input: trusted<{ readonly to: string }>(),
      run: async ({ input: { to }, parts }) => {
        await parts.store.backup(to);
        return { to, bytes: statSync(to).size };
      },
    }),
    verify: action({ run: ({ parts }) => parts.store.verify() }),
    receivers: action({ idempotent: true, run: ({ parts }) => parts.lag.read() }),
    topics: action({ idempotent: true, run: ({ parts }) => listTopics(parts.store) }),
    read: action({
      idempotent: true,
      input: trusted<ReadInput>(),
      run: ({ input, parts }) => readEvents(parts.store, input),
    }),
    dead: action({
      idempotent: true,
      input: trusted<Omit<EventPlace, 'limit'>>(),
      run: ({ input, parts }) =>
        parts.store.query({
          area: 'events',
          name: 'dead',
          input: { ...input, limit: bounds.eventPage },
        }) as DeadEvent[],
    }),
    redrive: action({
      input: trusted<RedriveInput>(),
      async run({ input, parts: { store: owned, dispatchers, lag } }) {
        const count = await redriveAll(owned, input);
        // One that was given up in the same commit has to be let go first: while it is held it is not seen.
        await turn();
        dispatchers.anew(input.receiver);
        lag.anew(input.receiver);
        return { count };
      },
    }),
    replay: action({
      input: trusted<ReplayWish>(),
      run({ input, parts: { store: owned, dispatchers, lag }, caller: by, log, signal }) {
        const needs = { store: owned, dispatchers, log, by, signal };
        // Deliveries are no part of the call that brings them about.
        const replayed = runWithoutContext(() => replayEvents(needs, input));
        return replayed.finally(() => {
          lag.anew(input.receiver);
        });
      },
    }),
  }),
});
