/** `tutti events redrive` and `replay`: has a service get durable events once more, those that were given up, or all that is kept since a time. */
import { isTuttiError, TuttiError } from '../core/errors.ts';
import type { ReplayView } from '../core/event-view.ts';
import { displayName } from '../core/ids.ts';
import { momentText } from '../core/moments.ts';
import { longMs, serviceOf } from './events-looks.ts';
import { parseNumber } from './events-options.ts';
import type { EventsAsk } from './events-options.ts';
import { jsonText } from './io.ts';
import { plural } from './jobs-text.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import { usage } from './parse-option.ts';

const willBe = (count: number, receiver: string): string =>
  `${plural(count, 'event')} will be delivered to ${displayName(receiver)} once more`;

export async function redrive(ask: EventsAsk): Promise<Outcome> {
  const { app, io, options } = ask;
  const seq = ask.number === undefined ? undefined : parseNumber(ask.number);
  const receiver = await serviceOf(ask);
  const wish = { receiver, ...(seq === undefined ? {} : { seq }) };
  const { count } = await app.post<{ count: number }>('/store/redrive', wish, { timeoutMs: longMs });
  if (options.json === true) io.out(jsonText({ count }));
  else if (count > 0) io.out(willBe(count, receiver));
  else
    io.out(
      `${displayName(receiver)} has no dead event${seq === undefined ? 's' : ` with the number ${String(seq)}`}`,
    );
  return exit(count === 0 && seq !== undefined ? 'failed' : 'ok');
}

/** Whoever owned the store has died in the middle, or there was none. */
const lost = ['INSTANCE_LOST', 'NO_INSTANCE', 'STORE_CLOSED', 'STORE_UNREACHABLE', 'STOPPING'];

function isLost(error: unknown): error is TuttiError {
  return isTuttiError(error) && lost.includes(error.code);
}

async function askFor(app: EventsAsk['app'], wish: object): Promise<ReplayView> {
  try {
    return await app.post<ReplayView>('/store/replay', wish, { timeoutMs: longMs });
  } catch (error) {
    if (!isLost(error)) throw error;
    const next =
      'What was replayed so far will be delivered. Ask again: the rest comes then, and nothing that is still to come is doubled';
    throw new TuttiError(error.code, { ...error.data, message: error.message, next }, { cause: error });
  }
}

function tellReplay({ count, owed, since, until, events }: ReplayView, receiver: string): string[] {
  const now = Date.now();
  const time = `from ${momentText(since, now)} to ${momentText(until, now)}`;
  const name = displayName(receiver);
  const anyway =
    owed === 0 ? [] : [`${plural(owed, 'event')} of that time ${owed === 1 ? 'was' : 'were'} to come anyway`];
  if (count > 0) return [`${willBe(count, receiver)}: ${events.join(', ')} ${time}`, ...anyway];
  return [`Nothing is to be delivered to ${name} once more: ${events.join(', ')} ${time}`, ...anyway];
}

export async function replay(ask: EventsAsk): Promise<Outcome> {
  const { app, io, options, of } = ask;
  const { since, until, event } = options;
  if (since === undefined)
    throw usage(`Say since when: npx tutti events replay ${of} --since 2h, or --since 2026-05-01T12:00:00Z`);
  if (until !== undefined && until < since) throw usage('--until is before --since');
  const receiver = await serviceOf(ask);
  const replayed = await askFor(app, { receiver, since: Math.max(0, since), until, event });
  if (options.json === true) io.out(jsonText(replayed));
  else for (const line of tellReplay(replayed, receiver)) io.out(line);
  return exit('ok');
}
