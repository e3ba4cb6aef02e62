/** `tutti jobs watch`: a queue as it gets done, once a second: one screen on a terminal, a plain line elsewhere. */
import { setTimeout as pause } from 'node:timers/promises';
import { isTuttiError } from '../core/errors.ts';
import type { QueueView } from '../core/job-view.ts';
import { jsonText } from './io.ts';
import { queueOf } from './jobs-counts.ts';
import type { JobsAsk } from './jobs-options.ts';
import { openOf, plural } from './jobs-text.ts';
import { watchLine, watchScreen } from './jobs-watch-view.ts';
import { isTerminal, runLive } from './live-view.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import { keptLooks, paceOf } from './queue-pace.ts';
import type { Pace, QueueLook } from './queue-pace.ts';
import type { Enough } from './until-signal.ts';
import { untilSignal } from './until-signal.ts';
import { silenceText } from './watch-status.ts';

const everyMs = 1_000;

/** Who looked was told that nothing is open, or has had enough; or the app has ended. */
type End = 'empty' | 'enough' | 'ended';

class Watched {
  #looks: QueueLook[] = [];
  #view: QueueView;

  constructor(first: QueueView) {
    this.#view = first;
    this.see(first);
  }

  get view(): QueueView {
    return this.#view;
  }

  get pace(): Pace {
    return paceOf(this.#looks);
  }

  get isEmpty(): boolean {
    return openOf(this.#view.counts) === 0;
  }

  see(view: QueueView): void {
    this.#view = view;
    this.#looks = keptLooks(this.#looks, { at: performance.now(), view });
  }
}

function tellLine({ io, options }: JobsAsk, { view, pace }: Watched): void {
  // A reader that is slow is spared a look: the next one says more.
  if (process.stdout.writableNeedDrain) return;
  const at = Date.now();
  if (options.json === true) io.out(jsonText({ at, ...view, ...pace }));
  else io.out(watchLine(view, pace, at));
}

const isStopped = ({ signal }: Enough): boolean => signal.aborted;

async function watchInPipe(ask: JobsAsk, watched: Watched): Promise<End> {
  const { app, queue, options, io } = ask;
  using enough = untilSignal();
  let isSilent = false;
  for (;;) {
    if (!isSilent) tellLine(ask, watched);
    if (!isSilent && watched.isEmpty && options.untilEmpty === true) return 'empty';
    await pause(everyMs, undefined, { signal: enough.signal }).catch(() => undefined);
    if (isStopped(enough)) return 'enough';
    try {
      watched.see(await queueOf(app, queue, enough.signal));
      isSilent = false;
    } catch (error) {
      if (isStopped(enough)) return 'enough';
      if (isTuttiError(error, 'NOT_RUNNING')) return 'ended';
      if (!isTuttiError(error)) throw error;
      if (!isSilent) io.err(`tutti: ${error.message}; it is asked again`);
      isSilent = true;
    }
  }
}

async function watchOnScreen(ask: JobsAsk, watched: Watched): Promise<End> {
  const { app, queue, options, io } = ask;
  let isLate = false;
  const isOver = (): boolean => options.untilEmpty === true && watched.isEmpty && !isLate;
  const end = await runLive(app, {
    refresh: async (signal) => {
      try {
        watched.see(await queueOf(app, queue, signal));
        isLate = false;
      } catch (error) {
        if (!isTuttiError(error)) throw error;
        isLate = true;
      }
    },
    draw: (look) => {
      const late = isLate ? 'the store does not answer: this is what was' : undefined;
      const { view, pace } = watched;
      return watchScreen({ view, pace, silence: silenceText(look) ?? late, paint: io.paint });
    },
    isOver,
  });
  return end === 'enough' && isOver() ? 'empty' : end;
}

export async function watchQueue(ask: JobsAsk): Promise<Outcome> {
  const { app, queue, options, io } = ask;
  const { app: name } = await app.about();
  // An unknown one is told before the screen is another.
  const watched = new Watched(await queueOf(app, queue));
  const onScreen = options.json !== true && isTerminal();
  const end = await (onScreen ? watchOnScreen(ask, watched) : watchInPipe(ask, watched));
  if (end === 'ended') io.err(`${name} has stopped.`);
  const { done, failed } = watched.view.counts;
  if (end === 'empty') io.err(`${queue} has nothing open: ${plural(done)} done, ${String(failed)} failed`);
  // Whoever waits for it to be empty must not go on as if it were.
  return exit(options.untilEmpty === true && end !== 'empty' ? 'failed' : 'ok');
}
