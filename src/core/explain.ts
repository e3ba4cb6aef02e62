/**
 * Answers "why did it restart?": what each instance is now, the story that led there, the last words of the latest failure, and what to
 * type next. Pure: events and a status in, words out. Used by `tutti why`; who prints it escapes what services said.
 */
import { avoidedLines } from './avoided.ts';
import type { AvoidedLine } from './avoided.ts';
import { eventSubject, eventWords, isFailure } from './event-words.ts';
import type { Tone } from './event-words.ts';
import type { InstanceEvent, TuttiEvent } from './events.ts';
import { displayName } from './ids.ts';
import type { InstanceState } from './instance-state.ts';
import { nextSteps } from './next-steps.ts';
import type { NextStep } from './next-steps.ts';
import { counted, ordinal, spokenTime } from './spoken.ts';
import type { AppStatus, InstanceStatus } from './status.ts';

/** Who is asked about: a service, or one instance of it (`users#2`); undefined: the whole app. */
export interface Subject {
  readonly service: string;
  readonly slot?: string | undefined;
}

type Status = Pick<AppStatus, 'services' | 'avoided' | 'takenAt' | 'generation' | 'pids'>;

/** Epoch milliseconds, both ends included. */
export interface TimeSpan {
  readonly from: number;
  readonly to: number;
}

export interface Question {
  readonly about: Subject | undefined;
  readonly span: TimeSpan;
  /** What was asked for, in the middle of the span; undefined: what was last. */
  readonly moment?: TimeSpan | undefined;
  /** Lines of the story; those nearest to the moment are kept. */
  readonly most: number;
  /** Leaves out what went well. */
  readonly onlyTrouble?: boolean;
}

export interface NowLine {
  readonly instance: string;
  readonly text: string;
  readonly tone: Tone;
}

export interface StoryLine {
  readonly seq: number;
  readonly time: number;
  /** `users#1`; empty: the whole app. */
  readonly who: string;
  readonly text: string;
  readonly tone: Tone;
  readonly isFailure: boolean;
}

export interface LastWords {
  readonly instance: string;
  readonly time: number;
  /** Of stderr, oldest first; empty: it said nothing. */
  readonly lines: readonly string[];
}

export interface Explanation {
  readonly now: readonly NowLine[];
  /** Oldest first. */
  readonly story: readonly StoryLine[];
  /** Lines of the span that are older than the first of the story, and newer than its last. */
  readonly leftOut: { readonly before: number; readonly after: number };
  /** Of the failure in the span that is nearest to the moment. */
  readonly lastWords: LastWords | undefined;
  readonly next: readonly NextStep[];
}

/** @param status undefined: the app does not run. */
export function explain(
  question: Question,
  status: Status | undefined,
  events: readonly TuttiEvent[],
): Explanation {
  const { span, about, moment, most, onlyTrouble = false } = question;
  const found = events.filter(
    (event) => event.time >= span.from && event.time <= span.to && isAbout(event, about),
  );
  const failure = nearest(found.filter(isFailure), moment, 1)[0];
  const story = tellStory(found, moment === undefined ? undefined : failure).filter(
    ({ tone }) => !onlyTrouble || tone === 'warn' || tone === 'bad',
  );
  const kept = nearest(story, moment, most);
  const before = kept[0] === undefined ? 0 : story.indexOf(kept[0]);
  const instances = status === undefined ? [] : instancesOf(status, about);
  return {
    now: status === undefined ? [] : nowLines(instances, status, about),
    story: kept,
    leftOut: { before, after: story.length - kept.length - before },
    lastWords: failure === undefined ? undefined : lastWordsOf(failure),
    next: nextSteps({
      ...{ instances, failure, undone: found.findLast(isUndone) },
      about: about?.slot ?? about?.service,
      app: status === undefined ? 'down' : isPartOf(status, about) ? 'up' : 'without it',
      now: status?.takenAt ?? 0,
    }),
  };
}

/** As many as `most`, in their order; of those that are equally near the newest. */
function nearest<Timed extends { readonly time: number }>(
  all: readonly Timed[],
  moment: TimeSpan | undefined,
  most: number,
): Timed[] {
  const distance = ({ time }: Timed): number =>
    moment === undefined ? 0 : Math.max(0, moment.from - time, time - moment.to);
  const kept = new Set(
    all
      .toReversed()
      .sort((left, right) => distance(left) - distance(right))
      .slice(0, most),
  );
  return all.filter((one) => kept.has(one));
}

const isUndone = (event: TuttiEvent): boolean => event.type === 'app' && event.name === 'roll:undone';

const slotOf = ({ instance }: InstanceEvent): string => instance.slice(0, instance.lastIndexOf('@'));

/** The app's own events touch everybody. */
export function isAbout(event: TuttiEvent, about: Subject | undefined): boolean {
  if (about === undefined || event.service === undefined) return true;
  if (event.service !== about.service) return false;
  return about.slot === undefined || event.type === 'app' || slotOf(event) === about.slot;
}

function instancesOf({ services }: Status, about: Subject | undefined): InstanceStatus[] {
  return services
    .filter(({ name }) => about === undefined || name === about.service)
    .flatMap(({ instances }) => instances)
    .filter(({ slot }) => about?.slot === undefined || slot === about.slot);
}

function lastWordsOf(event: InstanceEvent): LastWords {
  const { stderr } = event.evidence;
  const lines = Array.isArray(stderr) ? stderr.filter((line) => typeof line === 'string') : [];
  return { instance: displayName(slotOf(event)), time: event.time, lines };
}

const toneOfState: Readonly<Record<InstanceState, Tone>> = {
  ...{
    ready: 'good',
    pending: 'warn',
    starting: 'warn',
    unready: 'warn',
    draining: 'warn',
    stopping: 'warn',
  },
  ...{ backoff: 'bad', failed: 'bad', stopped: 'plain' },
};

/** The supervisor is no service, and can be asked about like one. */
export const supervisorName = 'supervisor';

const isPartOf = ({ services }: Status, about: Subject | undefined): boolean =>
  about === undefined ||
  about.service === supervisorName ||
  services.some(({ name }) => name === about.service);

function nowLines(
  instances: readonly InstanceStatus[],
  { takenAt, generation, pids, avoided }: Status,
  about: Subject | undefined,
): NowLine[] {
  if (about?.service !== supervisorName) {
    const lines = avoidedLines(avoided, takenAt);
    return instances.flatMap((instance) => [nowLine(instance, takenAt), ...avoidedNow(instance, lines)]);
  }
  const text = `runs, the ${ordinal(generation)} since the app was started (pid ${String(pids.supervisor)})`;
  return [{ instance: supervisorName, text, tone: 'good' }];
}

const avoidedNow = ({ slot }: InstanceStatus, lines: readonly AvoidedLine[]): NowLine[] =>
  lines
    .filter((line) => line.slot === slot)
    .map(({ text }) => ({ instance: displayName(slot), text, tone: 'warn' }));

export function nowLine(instance: InstanceStatus, takenAt: number): NowLine {
  const text = `${nowText(instance, takenAt)}${restartsText(instance)}`;
  return { instance: displayName(instance.slot), text, tone: toneOfState[instance.state] };
}

function nowText(instance: InstanceStatus, takenAt: number): string {
  const { state, reason, pid, since, restartAt, isSpare } = instance;
  const lasts = spokenTime(Math.max(0, takenAt - since));
  if (state === 'ready')
    return `is ready${isSpare === true ? ' as a spare' : ''}, for ${lasts}${pid === null ? '' : ` (pid ${String(pid)})`}`;
  if (state === 'backoff') {
    const wait = spokenTime(Math.max(0, (restartAt ?? takenAt) - takenAt));
    return `has ended and starts again in ${wait}: ${reason}`;
  }
  if (state === 'failed') return `has failed ${lasts} ago and is not started again: ${reason}`;
  return `is ${state}, for ${lasts}: ${reason}`;
}

function restartsText({ state, restarts, crashLoop }: InstanceStatus): string {
  if (state === 'failed') return '';
  if (crashLoop) return `; a crash loop, ${counted(restarts, 'restart')} that nobody asked for`;
  return restarts === 0 ? '' : `; ${counted(restarts, 'restart')} that nobody asked for`;
}

interface Told extends StoryLine {
  readonly event: TuttiEvent;
  /** Two failures with the same are alike. */
  readonly likeness: string;
}

/** Per instance without what another event tells, then all in their order. */
function tellStory(events: readonly TuttiEvent[], asked: TuttiEvent | undefined): StoryLine[] {
  const byWho = Map.groupBy(events, eventSubject);
  const lines = [...byWho.values()].flatMap((of) =>
    foldAlike(withoutShortLives(of.flatMap((event) => tell(event, event === asked)))),
  );
  return lines
    .sort((left, right) => left.seq - right.seq)
    .map(({ event: _event, likeness: _likeness, ...line }) => line);
}

/** @param isAsked it is told by itself, however many are like it. */
function tell(event: TuttiEvent, isAsked: boolean): Told[] {
  const { text, tone, isStep } = eventWords(event);
  if (isStep) return [];
  const isBad = isFailure(event);
  const likeness = isBad ? `${event.from === 'stopping' ? 'killed ' : ''}${event.reason}` : '';
  const alone = isAsked ? `${String(event.seq)} ` : '';
  return [
    {
      event,
      seq: event.seq,
      time: event.time,
      who: eventSubject(event),
      text,
      tone,
      likeness: `${alone}${likeness}`,
      isFailure: isBad,
    },
  ];
}

const isReady = ({ event }: Told): boolean => event.type === 'instance' && event.to === 'ready';

/** That it was ready, and for how long, the failure says. */
const withoutShortLives = (lines: readonly Told[]): Told[] =>
  lines.filter((line, index) => !(isReady(line) && lines[index + 1]?.isFailure === true && index > 0));

/** Of many failures that are alike the first and the last are told. */
function foldAlike(lines: readonly Told[]): Told[] {
  const runs: [Told, ...Told[]][] = [];
  for (const line of lines) {
    const run = runs.at(-1);
    if (run !== undefined && line.isFailure && run[0].likeness === line.likeness) run.push(line);
    else runs.push([line]);
  }
  return runs.flatMap(foldRun);
}

function foldRun(run: readonly [Told, ...Told[]]): Told[] {
  const last = run.at(-1);
  if (last === undefined || run.length < 3) return [...run];
  return [run[0], { ...last, text: `${last.text} (and ${counted(run.length - 2, 'time')} in between)` }];
}
