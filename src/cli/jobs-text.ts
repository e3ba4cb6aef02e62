/** Jobs and queues in words: what several deeds of `tutti jobs` say the same way. Pure. */
import type { JobView, QueueCounts, QueueView } from '../core/job-view.ts';
import { escapeControls } from '../core/log-line.ts';
import { durationText, secondsText } from './quantities.ts';
import type { Column } from './table.ts';

const second = 1_000;
const minute = 60 * second;

export const plural = (count: number, what = 'job'): string =>
  `${String(count)} ${what}${count === 1 ? '' : 's'}`;

/** As the counts call them: those that are pending wait for their turn, or for their time. */
export const stateText = ({ state, dueAt }: Pick<JobView, 'state' | 'dueAt'>): string => {
  if (state !== 'pending') return state;
  return dueAt === null ? 'waiting' : 'delayed';
};

/** `20 ms`, `4.2 s`, `3m 05s` */
export function spanText(ms: number): string {
  const some = Math.max(0, ms);
  if (some < second) return `${String(Math.round(some))} ms`;
  return some < minute ? secondsText(some) : durationText(some);
}

/** On one line, and no longer than that. */
export function cutText(text: string, most: number): string {
  const line = escapeControls(text);
  return line.length <= most ? line : `${line.slice(0, most - 1)}…`;
}

/** What follows it is a stack. */
export const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';

export const openOf = ({ waiting, delayed, running }: QueueCounts): number => waiting + delayed + running;

/** Why nothing of it is begun; empty: that is not so. */
export function haltText({ isPaused, worker }: Pick<QueueView, 'isPaused' | 'worker'>): string {
  if (isPaused) return 'paused';
  if (worker === null) return 'no worker';
  return worker.ready === 0 ? `nobody of ${worker.service} is ready` : '';
}

export const countColumns: readonly Column[] = [
  { title: 'WAITING', isNumber: true },
  { title: 'DELAYED', isNumber: true },
  { title: 'RUNNING', isNumber: true },
  { title: 'DONE', isNumber: true },
  { title: 'FAILED', isNumber: true },
  { title: 'CANCELLED', isNumber: true },
];
