/**
 * Answers "why did it restart?": what each instance is now, the story that led there, the last words of the latest failure, and what to
 * type next. Pure: events and a status in, words out. Used by `tutti why`; who prints it escapes what services said.
 */
import { eventSubject, eventWords, isFailure } from './event-words.ts';
import type { Tone } from './event-words.ts';
import type { InstanceEvent, TuttiEvent } from './events.ts';
import { displayName } from './ids.ts';
import type { InstanceState } from './instance-state.ts';
import { nextSteps } from './next-steps.ts';
import type { NextStep } from './next-steps.ts';
import { counted, spokenTime } from './spoken.ts';
import type { AppStatus, InstanceStatus } from './status.ts';

/** Who is asked about: a service, or one instance of it (`users#2`); undefined: the whole app. */
export interface Subject {
  readonly service: string;
  readonly slot?: string | undefined;
}

/** Epoch milliseconds, both ends included. */
export interface TimeSpan {
  readonly from: number;
  readonly to: number;
}

export interface Question {
  readonly about: Subject | undefined;
  readonly span: TimeSpan;
  /** Lines of the story; the newest are kept. */
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
  /** Lines of the span that were left out, since they are older than the newest `most`. */
  readonly leftOut: number;
  /** Of the latest failure in the span. */
  readonly lastWords: LastWords | undefined;
  readonly next: readonly NextStep[];
}

export function explain(
  question: Question,
  status: Pick<AppStatus, 'services' | 'takenAt'>,
  events: readonly TuttiEvent[],
): Explanation {
  const { span, about, most, onlyTrouble = false } = question;
  const found = events.filter(
    (event) => event.time >= span.from && event.time <= span.to && isAbout(event, about),
  );
  const story = tellStory(found).filter(({ tone }) => !onlyTrouble || tone === 'warn' || tone === 'bad');
  const failure = found.findLast(isFailure);
  const instances = instancesOf(status, about);
  return {
    now: instances.map((instance) => nowLine(instance, status.takenAt)),
    story: story.slice(-most),
    leftOut: Math.max(0, story.length - most),
    lastWords: failure === undefined ? undefined : lastWordsOf(failure),
    next: nextSteps({
      instances,
      failure,
      undone: found.findLast(isUndone),
      about: about?.slot ?? about?.service,
    }),
  };
}

const isUndone = (event: TuttiEvent): boolean => event.type === 'app' && event.name === 'roll:undone';

const slotOf = ({ instance }: InstanceEvent): string => instance.slice(0, instance.lastIndexOf('@'));

/** The app's own events touch everybody. */
function isAbout(event: TuttiEvent, about: Subject | undefined): boolean {
  if (about === undefined || event.service === undefined) return true;
  if (event.service !== about.service) return false;
  return about.slot === undefined || event.type === 'app' || slotOf(event) === about.slot;
}

function instancesOf(
  { services }: Pick<AppStatus, 'services'>,
  about: Subject | undefined,
): InstanceStatus[] {
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

export function nowLine(instance: InstanceStatus, takenAt: number): NowLine {
  const text = `${nowText(instance, takenAt)}${restartsText(instance)}`;
  return { instance: displayName(instance.slot), text, tone: toneOfState[instance.state] };
}

function nowText({ state, reason, pid, since, restartAt }: InstanceStatus, takenAt: number): string {
  const lasts = spokenTime(Math.max(0, takenAt - since));
  if (state === 'ready') return `is ready, for ${lasts}${pid === null ? '' : ` (pid ${String(pid)})`}`;
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
function tellStory(events: readonly TuttiEvent[]): StoryLine[] {
  const byWho = Map.groupBy(events, eventSubject);
  const lines = [...byWho.values()].flatMap((of) => foldAlike(withoutShortLives(of.flatMap(tell))));
  return lines
    .sort((left, right) => left.seq - right.seq)
    .map(({ event: _event, likeness: _likeness, ...line }) => line);
}

function tell(event: TuttiEvent): Told[] {
  const { text, tone, isStep } = eventWords(event);
  if (isStep) return [];
  const isBad = isFailure(event);
  const likeness = isBad ? `${event.from === 'stopping' ? 'killed ' : ''}${event.reason}` : '';
  return [
    {
      event,
      seq: event.seq,
      time: event.time,
      who: eventSubject(event),
      text,
      tone,
      likeness,
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
