/** How fast a queue gets done, from looks at it a second apart. Pure. Used by `tutti jobs watch`. */
import type { QueueView } from '../core/job-view.ts';
import { openOf } from './jobs-text.ts';

export interface QueueLook {
  /** Milliseconds of a clock that only goes on. */
  readonly at: number;
  readonly view: QueueView;
}

export interface Pace {
  /** Jobs that were done, a second, to the tenth; null: one look tells nothing of it. */
  readonly perSecond: number | null;
  /** Until nothing is open, if it goes on like this; null: it does not become less. */
  readonly emptyInMs: number | null;
}

const windowMs = 5_000;

const doneOf = ({ view }: QueueLook): number => view.ends?.done ?? 0;

/** The looks that tell the pace from now on: of the last seconds, and of one owner of the store, who counts from 0. */
export function keptLooks(looks: readonly QueueLook[], next: QueueLook): QueueLook[] {
  const [last] = looks.slice(-1);
  const isNewOwner = last !== undefined && doneOf(next) < doneOf(last);
  return isNewOwner ? [next] : [...looks.filter(({ at }) => at >= next.at - windowMs), next];
}

export function paceOf(looks: readonly QueueLook[]): Pace {
  const [first] = looks;
  const last = looks.at(-1);
  if (first === undefined || last === undefined || last.at <= first.at)
    return { perSecond: null, emptyInMs: null };
  const tookMs = last.at - first.at;
  const open = openOf(last.view.counts);
  const lessPerMs = (openOf(first.view.counts) - open) / tookMs;
  return {
    perSecond: Math.round(((doneOf(last) - doneOf(first)) / tookMs) * 10_000) / 10,
    emptyInMs: lessPerMs > 0 ? Math.round(open / lessPerMs) : null,
  };
}
