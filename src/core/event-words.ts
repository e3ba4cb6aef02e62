/**
 * One event as a plain sentence with its evidence in words: what happened, what that usually means, what comes next. Pure.
 * Used by `why`, `events`, `top` and a rolling restart. What services said of themselves is in it as they said it: who prints it
 * escapes it.
 */
import type { AppEvent, AppEventName, InstanceEvent, TuttiEvent } from './events.ts';
import { exitIn, exitWords, supervisorExitWords } from './exit-words.ts';
import { displayName } from './ids.ts';
import type { Evidence, InstanceState } from './instance-state.ts';
import { momentText } from './moments.ts';
import { isJobEndReason } from './isolation.ts';
import { isCallEndReason } from './pool.ts';
import { counted, ordinal, spokenTime } from './spoken.ts';

export type Tone = 'good' | 'plain' | 'warn' | 'bad';

export interface EventWords {
  /** Without its subject: `was killed by SIGKILL after …` */
  readonly text: string;
  readonly tone: Tone;
  /** Only on the way to what another event tells: a story leaves it out. */
  readonly isStep: boolean;
}

const told = (text: string, tone: Tone = 'plain'): EventWords => ({ text, tone, isStep: false });
const step = (text: string): EventWords => ({ text, tone: 'plain', isStep: true });

/** The end of a process that nobody asked for, or a start that came to nothing. */
export type Failure = InstanceEvent & { readonly to: 'pending' | 'backoff' | 'failed' };

export const isFailure = (event: TuttiEvent): event is Failure =>
  event.type === 'instance' && isUnasked(event);

const isUnasked = (event: InstanceEvent): boolean =>
  event.from !== event.to &&
  (event.to === 'failed' || (event.failures > 0 && isEnd(event) && event.to !== 'stopped'));

const isEnd = ({ evidence }: InstanceEvent): boolean =>
  exitIn(evidence) !== undefined || typeof evidence['errno'] === 'string';

const meaningOfErrno: Readonly<Record<string, string>> = {
  EAGAIN: ' (too many processes or threads for this user or container)',
  ENOMEM: ' (this machine has no memory left)',
  EMFILE: ' (too many open files)',
  ENFILE: ' (too many open files)',
};

function nextStart({ to, failures, crashLoop, evidence, reason }: InstanceEvent): string {
  if (to === 'failed')
    return `it is not started again${/gave up/.test(reason) ? `: ${givenUp(failures)}` : ''}`;
  if (to === 'pending') return 'starts again at once';
  const wait = evidence['againInMs'];
  const when = typeof wait === 'number' ? `in ${spokenTime(wait)}` : 'later';
  const loop = crashLoop ? ', a crash loop' : '';
  return `starts again ${when}: ${ordinal(failures)} quick failure in a row${loop}`;
}

const givenUp = (failures: number): string =>
  `${ordinal(failures)} quick failure in a row, as many as allowed`;

/** The reason of the end itself, without what came of it. */
const bareReason = (reason: string): string =>
  reason.replace(/; (?:gave up after \d+ restarts|it refused its configuration)$/, '');

function failureWords(event: InstanceEvent): EventWords {
  const { errno } = event.evidence;
  const exit = exitIn(event.evidence);
  const reason = bareReason(event.reason);
  const what =
    typeof errno === 'string'
      ? `${reason}${meaningOfErrno[errno] ?? ''}`
      : exit === undefined
        ? reason
        : exitWords(exit, reason, event.from === 'stopping');
  return told(`${what}; ${nextStart(event)}`, 'bad');
}

/** Ends that were asked for. */
function askedEndWords({ to, reason, evidence }: InstanceEvent): EventWords {
  const isKilled = evidence['signal'] === 'SIGKILL';
  if (isCallEndReason(reason) || isJobEndReason(reason)) return step(`has ended: ${reason}`);
  const hard = isKilled ? '; it did not end by itself and was killed' : '';
  if (to === 'stopped') return told(`has stopped: ${reason}${hard}`, isKilled ? 'warn' : 'plain');
  return told(`has ended as asked (${reason})${hard}; a new process follows`, isKilled ? 'warn' : 'plain');
}

/** A call of a pool, or a job that is isolated, ran too long. */
export const isCallEnd = ({ verdict }: Evidence): boolean =>
  typeof verdict === 'string' && /^(?:call|job)-/.test(verdict);

const processOf = (instance: string): string => instance.slice(instance.lastIndexOf('@') + 1);

function readyWords({ from, instance }: InstanceEvent): EventWords {
  if (from === 'unready') return told('is fit for calls again', 'good');
  const count = processOf(instance);
  return told(count === '1' ? 'is ready' : `is ready (process ${count} in this place)`, 'good');
}

const unfitMeaning: readonly [RegExp, string][] = [
  [/\(state T\)/, ': somebody sent it SIGSTOP, or a debugger holds it'],
  [/event loop is busy/, ': it computes, or runs in a circle'],
  [/state D/, ': it is not killed for that'],
  [/no time for it/, ': it is not killed for that'],
];

function unreadyWords({ reason }: InstanceEvent): EventWords {
  const meaning = unfitMeaning.find(([pattern]) => pattern.test(reason))?.[1] ?? '';
  return told(`gets no new calls: ${reason}${meaning}`, 'warn');
}

function stoppingWords({ from, reason, evidence }: InstanceEvent): EventWords {
  if (isCallEnd(evidence)) return told(`is killed: ${reason}; a new process follows at once`, 'warn');
  if (from === 'draining') return told(`did not finish in time and is made to end: ${reason}`, 'warn');
  return step(`is made to end: ${reason}`);
}

function pendingWords({ from, reason }: InstanceEvent): EventWords {
  if (from === 'backoff') return step('may start again');
  return reason.startsWith('waits for') ? told(reason) : step(reason);
}

const wordsOfState: Readonly<Record<InstanceState, (event: InstanceEvent) => EventWords>> = {
  pending: pendingWords,
  starting: ({ instance }) => step(`is starting (process ${processOf(instance)} in this place)`),
  ready: readyWords,
  unready: unreadyWords,
  draining: ({ reason }) => step(`finishes what it has in hand: ${reason}`),
  stopping: stoppingWords,
  backoff: failureWords,
  failed: failureWords,
  stopped: ({ from, reason }) =>
    from === 'failed' ? step(`is stopped: ${reason}`) : told(`is not started any more: ${reason}`),
};

function instanceWords(event: InstanceEvent): EventWords {
  if (isUnasked(event)) return failureWords(event);
  if (isEnd(event)) return askedEndWords(event);
  if (!Object.hasOwn(wordsOfState, event.to)) return told(event.reason);
  return wordsOfState[event.to](event);
}

const listLength = (value: unknown): number => (Array.isArray(value) ? value.length : 0);

/** That the run before it broke off is told by the start that follows: there was nobody left to tell it. */
function startedWords({ reason, time, evidence }: AppEvent): EventWords {
  const started = `the app was started: ${reason}`;
  const unfinished = unfinishedWords('the run before it', evidence, time);
  return unfinished === undefined ? told(started) : told(`${started}; ${unfinished}`, 'bad');
}

/** @param now which day needs no date. Undefined: it was stopped. */
export function unfinishedWords(
  run: string,
  { unfinished, lastEventAt }: Evidence,
  now: number,
): string | undefined {
  if (unfinished === undefined) return undefined;
  const what = unfinished === 'stop' ? 'ended before its stop was finished' : 'ended without being stopped';
  const last =
    typeof lastEventAt === 'number' ? `, its last event was at ${momentText(lastEventAt, now)}` : '';
  return `${run} ${what}${last}`;
}

function stoppedWords({ reason, evidence }: AppEvent): EventWords {
  if (evidence['hasFailed'] === true) return told(`the app has ended: ${reason}`, 'bad');
  return told(`the app has stopped: ${reason}`);
}

function replacedWords({ reason, evidence }: AppEvent): EventWords {
  const exit = exitIn(evidence);
  const { killedFor } = evidence;
  const how =
    exit === undefined
      ? `was replaced (${reason})`
      : `${supervisorExitWords(exit, typeof killedFor === 'string' ? killedFor : undefined)}; it was replaced`;
  return told(`the supervisor ${how}, and instances ran on`, 'warn');
}

const wordsOfApp: Readonly<Record<AppEventName, (event: AppEvent) => EventWords>> = {
  'app:started': startedWords,
  'app:stopping': ({ reason }) => told(`the app is being stopped: ${reason}`),
  'app:stopped': stoppedWords,
  'supervisor:replaced': replacedWords,
  'supervisor:stalled': ({ reason }) =>
    told(`the supervisor was held up (${reason}); nobody is judged by that time`, 'warn'),
  'service:scaled': ({ reason }) => told(`was scaled ${reason}`),
  'service:changed': ({ reason }) => told(`has new code: ${reason}`),
  'roll:started': ({ reason, evidence }) =>
    told(`a roll begins, ${counted(listLength(evidence['instances']), 'instance')} one at a time: ${reason}`),
  'roll:done': ({ reason }) => told(`the roll is done, ${reason}`, 'good'),
  'roll:undone': ({ reason }) => told(`the roll was undone, the old ones stay: ${reason}`, 'bad'),
  'breaker:opened': ({ reason }) => told(reason, 'warn'),
  'breaker:closed': ({ reason }) => told(reason, 'good'),
  'outlier:found': ({ reason }) => told(reason, 'warn'),
  'outlier:recovered': ({ reason }) => told(reason, 'good'),
  'events:lost': ({ reason }) => told(reason, 'warn'),
};

/** Names that a later version writes are told by their reason. */
function wordsOf(event: TuttiEvent): EventWords {
  if (event.type === 'instance') return instanceWords(event);
  if (!Object.hasOwn(wordsOfApp, event.name)) return told(`${event.name}: ${event.reason}`);
  return wordsOfApp[event.name](event);
}

export function eventWords(event: TuttiEvent): EventWords {
  const words = wordsOf(event);
  // Reasons have our names as we have them.
  return { ...words, text: words.text.replaceAll(/\bgateway:(?=[A-Za-z])/g, 'gateway ') };
}

/** Whom it is about, as people write it; empty: the whole app. */
export function eventSubject(event: TuttiEvent): string {
  if (event.type === 'app') return displayName(event.service ?? '');
  return displayName(event.instance.slice(0, event.instance.lastIndexOf('@')));
}
