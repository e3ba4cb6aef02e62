/** The answer of `tutti why` for people: what is now, the story, the last words, the next command. Text in, text out. */
import type { Explanation, LastWords, NowLine, TimeSpan } from '../core/explain.ts';
import { displayName } from '../core/ids.ts';
import { escapeControls } from '../core/log-line.ts';
import type { NextStep } from '../core/next-steps.ts';
import { typed } from '../core/next-steps.ts';
import type { AppStatus } from '../core/status.ts';
import type { FoundTarget } from './find-target.ts';
import type { Io } from './io.ts';
import { momentText } from '../core/moments.ts';
import { appHealth } from '../core/status.ts';
import { painted, storyLines } from './story-text.ts';
import type { TextOptions } from './story-text.ts';
import { wrapText } from './wrap.ts';

export interface Why {
  /** Undefined: the app does not run. */
  readonly status: AppStatus | undefined;
  /** What is said first then. */
  readonly down: string;
  /** Epoch milliseconds. */
  readonly now: number;
  /** Undefined: the whole app. */
  readonly found: FoundTarget | undefined;
  /** The minute or second that was asked about. */
  readonly at: TimeSpan | undefined;
  readonly span: TimeSpan;
  readonly explanation: Explanation;
  /** The last thing before a span in which nothing happened. */
  readonly before: Explanation['story'];
  /** Epoch milliseconds of the oldest event that is remembered of it. */
  readonly rememberedSince: number | undefined;
}

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : ['', title, ...lines];

export function renderWhy(why: Why, { paint, columns }: Pick<Io, 'paint' | 'columns'>): string {
  const options: TextOptions = { paint, width: columns, now: why.now };
  const { explanation, found } = why;
  return [
    ...headLines(why, options),
    ...section(storyTitle(why), leftOutLines(why, storyLines(explanation.story, options))),
    ...(explanation.story.length === 0 ? ['', ...emptyLines(why, options)] : []),
    ...(found === undefined ? [] : wordsLines(explanation.lastWords, options)),
    ...section('Next:', stepLines(explanation.next, options)),
  ].join('\n');
}

function headLines({ status, down, found, explanation }: Why, options: TextOptions): string[] {
  if (status === undefined) return [options.paint('yellow', down)];
  if (found === undefined) return appLines(status, explanation, options);
  if (explanation.now.length > 0) return nowLines(explanation.now, options);
  const isThere = status.services.some(({ name }) => name === found.service);
  const gone = `${displayName(found.service)} is not in the app any more.`;
  return [isThere ? 'No instance of it is wanted, and none is there.' : gone];
}

function nowLines(lines: readonly NowLine[], { paint, width }: TextOptions): string[] {
  return lines.map(({ instance, text, tone }) => {
    const sentence = wrapText(escapeControls(text), width, instance.length + 1);
    return `${paint('bold', instance)} ${painted(sentence, tone, paint)}`;
  });
}

/** Who is as it should be is not named. */
function appLines(status: AppStatus, explanation: Explanation, options: TextOptions): string[] {
  const { paint } = options;
  const health = appHealth(status);
  const head = `${paint('bold', status.app)} is ${painted(health, health === 'healthy' ? 'good' : 'bad', paint)}`;
  const unwell = explanation.now.filter(({ tone }) => tone === 'warn' || tone === 'bad');
  const notes = status.notes.map((note) => `${paint('yellow', '!')} ${escapeControls(note)}`);
  const ready = status.services.reduce((sum, service) => sum + service.ready, 0);
  const said =
    unwell.length === 0 && health === 'healthy' ? `${head}: all ${String(ready)} instances are ready` : head;
  if (unwell.length + notes.length === 0) return [said];
  return [said, '', ...(unwell.length === 0 ? [] : nowLines(unwell, options)), ...notes];
}

const clock = (time: number, { now }: Why): string => momentText(time, now);

/** A minute is told without seconds, as it was asked for. */
const atText = (at: TimeSpan, why: Why): string =>
  at.to - at.from < 1_000 ? clock(at.from, why) : clock(at.from, why).slice(0, -3);

function storyTitle(why: Why): string {
  const { at, span, found } = why;
  if (at !== undefined)
    return `Around ${atText(at, why)}, from ${clock(span.from, why)} to ${clock(span.to, why)}:`;
  return found === undefined ? 'What went wrong in the last hour:' : 'What happened:';
}

/** Each count stands where its lines would. */
function leftOutLines({ explanation, found }: Why, story: readonly string[]): string[] {
  const { before, after } = explanation.leftOut;
  const all = `npx tutti history${found === undefined ? '' : ` ${typed(found.target)}`}`;
  return [
    ...(before === 0 ? [] : [`  (${String(before)} more before that: ${all})`]),
    ...story,
    ...(after === 0 ? [] : [`  (${String(after)} more after that: ${all})`]),
  ];
}

function emptyLines(why: Why, options: TextOptions): string[] {
  const { at, found, span, before, rememberedSince } = why;
  if (at === undefined)
    return [found === undefined ? 'Nothing went wrong in the last hour.' : 'Nothing is remembered of it.'];
  const who = found === undefined ? '' : ` to ${displayName(found.target)}`;
  const since =
    rememberedSince === undefined || rememberedSince <= span.to
      ? ''
      : `; events are remembered since ${clock(rememberedSince, why)}`;
  const nothing = `Nothing happened${who} from ${clock(span.from, why)} to ${clock(span.to, why)}${since}.`;
  return [nothing, ...(before.length === 0 ? [] : ['The last before that:', ...storyLines(before, options)])];
}

function wordsLines(words: LastWords | undefined, { paint, now }: TextOptions): string[] {
  if (words === undefined) return [];
  const when = momentText(words.time, now);
  if (words.lines.length === 0)
    return ['', `${words.instance} wrote nothing to stderr before it ended at ${when}.`];
  const lines = words.lines.map((line) => `  ${paint('gray', '|')} ${escapeControls(line)}`);
  return section(`The last that ${words.instance} wrote to stderr before it ended at ${when}:`, lines);
}

/** What does not fit beside its command stands below it: a command must stay whole, to be copied. */
function stepLines(steps: readonly NextStep[], { paint, width }: TextOptions): string[] {
  const lines = steps.map(({ command, words }) => ({
    words,
    line: command.startsWith('tutti') ? `npx ${command}` : command,
  }));
  const wide = Math.max(0, ...lines.map(({ line }) => line.length));
  const longest = Math.max(0, ...lines.map(({ words }) => words.length));
  const isBeside = wide + longest + 4 <= width;
  return lines.map(({ line, words }) =>
    isBeside ? `  ${paint('bold', line.padEnd(wide))}  ${words}` : `  ${paint('bold', line)}\n      ${words}`,
  );
}
