/**
 * When a change to one instance is done, and what is then said of it. Pure; each is a `Judge` of `change.ts`.
 */
import type { InstanceStatus } from '../core/status.ts';
import type { Judge, Verdict } from './change.ts';

const waiting: Verdict = { is: 'waiting', words: '' };
const done = (words: string): Verdict => ({ is: 'done', words });
const failed = (words: string): Verdict => ({ is: 'failed', words });
const pidText = (pid: number | null | undefined): string => String(pid ?? 'none');

const couldNot = ({ state, reason }: InstanceStatus): Verdict | undefined => {
  if (state === 'failed') return failed(`has failed and is not started again: ${reason}`);
  return state === 'stopped' ? failed(`was stopped meanwhile: ${reason}`) : undefined;
};

/** A new process in its place, and ready. */
export const judgeRestart: Judge = (was, now) => {
  if (now === undefined) return failed('is gone: the service was scaled down meanwhile');
  if (now.state !== 'ready' || now.epoch <= (was?.epoch ?? 0)) return couldNot(now) ?? waiting;
  const words =
    was === undefined || was.pid === null
      ? `was started: pid ${pidText(now.pid)}`
      : `was restarted: pid ${pidText(was.pid)} -> ${pidText(now.pid)}`;
  return done(words);
};

export const judgeStart: Judge = (was, now) => {
  if (now === undefined) return failed('is gone: the service was scaled down meanwhile');
  if (now.state !== 'ready') return couldNot(now) ?? waiting;
  const isNew = was?.state !== 'ready' || was.epoch !== now.epoch;
  return done(`is ready${isNew ? '' : ' already'}: pid ${pidText(now.pid)}`);
};

export const judgeStop: Judge = (was, now) => {
  if (now !== undefined && now.state !== 'stopped') return waiting;
  const had = was?.pid ?? undefined;
  return done(had === undefined ? 'has no process' : `has stopped: pid ${String(had)} is gone`);
};

/** Those beyond `wanted` are to go, the others to be ready; who was ready and is has nothing to say. */
export const judgeScale =
  (wanted: (now: InstanceStatus | undefined) => boolean): Judge =>
  (was, now) => {
    if (!wanted(now)) return judgeStop(was, now);
    return was?.state === 'ready' && now?.state === 'ready' && was.epoch === now.epoch
      ? done('')
      : judgeStart(was, now);
  };
