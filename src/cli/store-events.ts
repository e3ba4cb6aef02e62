/** `tutti store events`, `dead`, `redrive`: the durable events that services have still to get, and those that were given up. */
import { displayName } from '../core/ids.ts';
import { escapeControls } from '../core/log-line.ts';
import { preciseMomentText } from '../core/moments.ts';
import { shown } from '../core/options.ts';
import type { AppConnection } from './app-connection.ts';
import type { Invocation } from './command.ts';
import { findTarget } from './find-target.ts';
import { jsonText } from './io.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import { usage } from './parse-option.ts';
import { renderTable } from './table.ts';

interface Receiver {
  readonly receiver: string;
  readonly owed: number;
  readonly dead: number;
}

interface DeadEvent {
  readonly seq: number;
  readonly event: string;
  readonly id: string;
  readonly key: string | null;
  readonly at: number;
  readonly attempts: number;
  readonly error: string;
  /** JSON. */
  readonly body: string;
}

const longMs = 3_600_000;
const plural = (count: number): string => `${String(count)} ${count === 1 ? 'event' : 'events'}`;

export async function tellOwed(app: AppConnection, { io, options }: Invocation): Promise<Outcome> {
  const receivers = await app.get<Receiver[]>('/store/receivers');
  if (options.json === true) io.out(jsonText(receivers));
  else if (receivers.length === 0) io.out('No service has a durable event to come');
  else {
    const columns = [
      { title: 'SERVICE' },
      { title: 'TO COME', isNumber: true },
      { title: 'DEAD', isNumber: true },
    ];
    const rows = receivers.map(({ receiver, owed, dead }) => [receiver, String(owed), String(dead)]);
    for (const line of renderTable({ columns, rows }, io.paint)) io.out(line);
    const [first] = receivers.filter(({ dead }) => dead > 0);
    if (first !== undefined) io.err(`Why they were given up: npx tutti store dead ${first.receiver}`);
  }
  return exit('ok');
}

async function receiverOf(app: AppConnection, name: string | undefined, what: string): Promise<string> {
  if (name === undefined) throw usage(`Say of which service: npx tutti store ${what} <service>`);
  return findTarget(await app.status(), name).service;
}

export async function tellDead(app: AppConnection, { args, io, options }: Invocation): Promise<Outcome> {
  const receiver = await receiverOf(app, args[1], 'dead');
  const query = new URLSearchParams({ receiver, after: String(options.after ?? 0) });
  const dead = await app.get<DeadEvent[]>(`/store/dead?${query.toString()}`);
  if (options.json === true) {
    for (const { body, ...event } of dead)
      io.out(jsonText({ ...event, payload: (JSON.parse(body) as { payload: unknown }).payload }));
    return exit('ok');
  }
  if (dead.length === 0) io.out(`${displayName(receiver)} has no dead events`);
  for (const { seq, event, id, key, at, attempts, error } of dead) {
    const of = key === null ? '' : `, key ${shown(key)}`;
    io.out(`${String(seq)}  ${preciseMomentText(at, Date.now())}  ${event}, id ${id}${of}`);
    io.out(
      `    given up after ${String(attempts)} ${attempts === 1 ? 'attempt' : 'attempts'}: ${escapeControls(error.split('\n')[0] ?? '')}`,
    );
  }
  if (dead.length > 0) io.err(`Once the cause is mended: npx tutti store redrive ${receiver}`);
  return exit('ok');
}

function numberOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw usage(`expected the number of a dead event, as tutti store dead says it, got ${shown(text)}`);
}

export async function redrive(app: AppConnection, { args, io, options }: Invocation): Promise<Outcome> {
  const seq = numberOf(args[2]);
  const receiver = await receiverOf(app, args[1], 'redrive');
  const ask = { receiver, ...(seq === undefined ? {} : { seq }) };
  const { count } = await app.post<{ count: number }>('/store/redrive', ask, { timeoutMs: longMs });
  if (options.json === true) io.out(jsonText({ count }));
  else if (count > 0) io.out(`${plural(count)} will be delivered to ${displayName(receiver)} once more`);
  else
    io.out(
      `${displayName(receiver)} has no dead event${seq === undefined ? 's' : ` with the number ${String(seq)}`}`,
    );
  return exit(count === 0 && seq !== undefined ? 'failed' : 'ok');
}
