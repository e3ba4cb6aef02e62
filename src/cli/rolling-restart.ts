/**
 * A rolling restart as the one who asked for it sees it: what becomes of each instance, and how it ended. The supervisor does it, also
 * when nobody looks on any more, and also when it is itself replaced meanwhile.
 */
import { eventSubject, eventWords, isFailure } from '../core/event-words.ts';
import type { AppEvent, TuttiEvent } from '../core/events.ts';
import { displayName } from '../core/ids.ts';
import { escapeControls } from '../core/log-line.ts';
import { typed } from '../core/next-steps.ts';
import type { AppConnection } from './app-connection.ts';
import type { Invocation } from './command.ts';
import type { FoundTarget } from './find-target.ts';
import { followEvents } from './follow-events.ts';
import { jsonText } from './io.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import { secondsText } from './quantities.ts';
import { painted } from './story-text.ts';
import { untilSignal } from './until-signal.ts';

interface RollAsked {
  readonly service: string;
  readonly instances: readonly string[];
  /** Number of the last event before it. */
  readonly after: number;
}

interface RollSeen {
  /** Undefined: it goes on, or the app is gone. */
  readonly end: AppEvent | undefined;
  readonly isAppGone: boolean;
  readonly events: readonly TuttiEvent[];
}

const rollWaitMs = 600_000;

const isEnd = (event: TuttiEvent): event is AppEvent =>
  event.type === 'app' && ['roll:done', 'roll:undone', 'app:stopping'].includes(event.name);

/** A newcomer is ready, an old one has left, one ended that should not have. */
const isProgress = (event: TuttiEvent): boolean =>
  event.type === 'app'
    ? !isEnd(event)
    : isFailure(event) || ['ready', 'draining', 'stopped'].includes(event.to);

async function watchRoll(
  app: AppConnection,
  asked: RollAsked,
  { io, options }: Invocation,
): Promise<RollSeen> {
  using enough = untilSignal();
  const late = setTimeout(enough.abort, options.wait ?? rollWaitMs);
  const events: TuttiEvent[] = [];
  try {
    const query = { of: [asked.service], after: asked.after };
    for await (const event of followEvents(app, query, enough.signal)) {
      events.push(event);
      if (isEnd(event)) return { end: event, events, isAppGone: false };
      const { tone } = eventWords(event);
      const line = `${eventSubject(event)} ${escapeControls(wordsOf(event, asked))}`.trimStart();
      if (isProgress(event)) io.err(`  ${painted(line, tone, io.errPaint)}`);
    }
  } finally {
    clearTimeout(late);
  }
  return { end: undefined, events, isAppGone: !enough.signal.aborted };
}

/** A newcomer that failed goes: it is not started again, whatever becomes of others that fail so. */
function wordsOf(event: TuttiEvent, { instances }: RollAsked): string {
  const { text } = eventWords(event);
  const isOld = event.type === 'app' || instances.includes(event.instance.replace(/@\d+$/, ''));
  return isOld || !isFailure(event)
    ? text
    : text.replace(/; (?:it )?(?:starts again|is not started again)[^;]*$/, '');
}

const numberIn = (event: AppEvent, name: string): number => {
  const value = event.evidence[name];
  return typeof value === 'number' ? value : 0;
};

interface Undone {
  readonly asked: RollAsked;
  readonly seen: RollSeen;
  /** `users: 1 of 3 replaced` */
  readonly count: string;
}

/** What became of it, what the newcomer said last, and where to look. */
function tellUndone(end: AppEvent, { asked, seen, count }: Undone, { io }: Invocation): void {
  const stderr = seen.events.findLast(isFailure)?.evidence['stderr'];
  const stay = asked.instances.length === 1 ? 'the old one serves on' : 'the old ones serve on';
  const reason = end.reason.replace(/^gateway:/, 'gateway ');
  io.err(`${count}; the roll was undone: ${escapeControls(reason)}; ${stay}`);
  for (const line of Array.isArray(stderr) ? stderr : [])
    io.err(`  ${io.errPaint('gray', '|')} ${escapeControls(String(line))}`);
  io.err(`  Look: npx tutti why ${typed(end.service ?? '')}`);
}

function report(asked: RollAsked, seen: RollSeen, invocation: Invocation): Outcome {
  const { io, options } = invocation;
  const { end } = seen;
  const total = asked.instances.length;
  const replaced = end === undefined ? 0 : numberIn(end, 'replaced');
  const refused = end?.name === 'roll:undone' ? 1 : 0;
  const view = { service: asked.service, result: end?.name ?? null, total, replaced, refused };
  if (options.json === true) io.out(jsonText({ ...view, reason: end?.reason ?? null }));
  if (end === undefined || end.name === 'app:stopping') return reportUnended(asked, seen, invocation);
  const count = `${displayName(asked.service)}: ${String(replaced)} of ${String(total)} replaced`;
  if (refused === 0) {
    if (options.json !== true) io.out(`${count}, 0 refused`);
    return exit('ok');
  }
  tellUndone(end, { asked, seen, count }, invocation);
  return exit('rolledBack');
}

function reportUnended(
  { service }: RollAsked,
  { end, isAppGone }: RollSeen,
  { io, options }: Invocation,
): Outcome {
  const name = displayName(service);
  if (end !== undefined || isAppGone) {
    const why = end === undefined ? 'has ended' : `is stopped (${escapeControls(end.reason)})`;
    io.err(`tutti: the app ${why}: the roll of ${name} is not finished`);
    return exit('failed');
  }
  const waited = secondsText(options.wait ?? rollWaitMs);
  io.err(`tutti: the roll of ${name} has not ended; it goes on by itself (waited up to ${waited})`);
  io.err(`  Look: npx tutti history ${typed(service)} -f`);
  return exit('notReady');
}

/** @throws {TuttiError} `CONFLICT` when nobody of it runs. */
export async function restartRolling(
  app: AppConnection,
  found: FoundTarget,
  invocation: Invocation,
): Promise<Outcome> {
  const asked = await app.post<RollAsked>('/restart', { target: found.target, rolling: true });
  return report(asked, await watchRoll(app, asked, invocation), invocation);
}
