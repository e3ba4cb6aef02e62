/**
 * Something asked of running instances, and the wait until it is so: says in words what became of each. Bounded.
 * Used by start, stop, restart and scale; the judging is theirs.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { displayName } from '../core/ids.ts';
import { escapeControls } from '../core/log-line.ts';
import type { InstanceStatus, ServiceStatus } from '../core/status.ts';
import type { AppConnection } from './app-connection.ts';
import type { Invocation } from './command.ts';
import type { FoundTarget } from './find-target.ts';
import { instancesOf, serviceOf } from './find-target.ts';
import { jsonText } from './io.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import { secondsText } from './quantities.ts';

export interface Verdict {
  readonly is: 'waiting' | 'done' | 'failed';
  /** What is said of it once nobody is waited for any more; empty: nothing happened to it. */
  readonly words: string;
}

/** One slot as it was when the change was asked for, and as it is; undefined where there was or is none. */
export type Judge = (was: InstanceStatus | undefined, now: InstanceStatus | undefined) => Verdict;

interface Change {
  readonly found: FoundTarget;
  /** Asks for it. */
  readonly ask: () => Promise<unknown>;
  readonly judge: Judge;
  /** What to say of a service in which no instance had anything to do. */
  readonly nothing: (service: ServiceStatus) => string;
}

interface Judged extends Verdict {
  readonly slot: string;
  readonly was: InstanceStatus | undefined;
  readonly now: InstanceStatus | undefined;
}

const lookEveryMs = 100;
export const defaultWaitMs = 30_000;

export async function carryOut(app: AppConnection, change: Change, invocation: Invocation): Promise<Outcome> {
  const { io, options } = invocation;
  const waitMs = options.wait ?? defaultWaitMs;
  const before = instancesOf(await app.status(), change.found);
  await change.ask();
  const until = performance.now() + waitMs;
  const told = new Set<string>();
  for (;;) {
    const service = serviceOf(await app.status(), change.found.service);
    const judged = judgeAll(change, before, service);
    if (!judged.some(({ is }) => is === 'waiting'))
      return report(judged, change.nothing(service), invocation);
    for (const each of judged) tellTrouble(each, told, io.err);
    if (performance.now() > until) return reportLate(judged, waitMs, invocation);
    await pause(lookEveryMs);
  }
}

function judgeAll(
  { found, judge }: Change,
  before: readonly InstanceStatus[],
  service: ServiceStatus,
): Judged[] {
  const instances = service.instances.filter(({ slot }) => found.slot === undefined || slot === found.slot);
  const slots = new Set([...before, ...instances].map(({ slot }) => slot));
  return [...slots].map((slot) => {
    const was = before.find((each) => each.slot === slot);
    const now = instances.find((each) => each.slot === slot);
    return { slot, was, now, ...judge(was, now) };
  });
}

/** It will be tried again, but who waits here should know at once why it takes so long. */
function tellTrouble({ slot, now }: Judged, told: Set<string>, say: (text: string) => void): void {
  if (now?.state !== 'backoff' || told.has(slot)) return;
  told.add(slot);
  say(escapeControls(`${displayName(slot)} does not start, it is tried again: ${now.reason}`));
}

function report(judged: readonly Judged[], nothing: string, { io, options }: Invocation): Outcome {
  const spoken = judged.filter(({ words }) => words !== '');
  if (options.json === true) io.out(jsonText(judged.map(view)));
  else if (spoken.length === 0) io.out(nothing);
  else for (const each of spoken) (each.is === 'failed' ? io.err : io.out)(sentence(each));
  return exit(judged.some(({ is }) => is === 'failed') ? 'failed' : 'ok');
}

function reportLate(judged: readonly Judged[], waitMs: number, { io, options }: Invocation): Outcome {
  if (options.json === true) io.out(jsonText(judged.map(view)));
  for (const { slot, is, now } of judged)
    if (is === 'waiting')
      io.err(
        escapeControls(
          `tutti: after ${secondsText(waitMs)} ${displayName(slot)} is still ${now?.state ?? 'gone'}: ${now?.reason ?? ''}`,
        ),
      );
  io.err('  It goes on by itself. Look: npx tutti status');
  return exit('notReady');
}

const sentence = ({ slot, words }: Judged): string => escapeControls(`${displayName(slot)} ${words}`);

const view = ({ slot, is, was, now }: Judged): object => ({
  instance: slot,
  result: is,
  state: now?.state ?? null,
  reason: now?.reason ?? null,
  pidBefore: was?.pid ?? null,
  pid: now?.pid ?? null,
});
