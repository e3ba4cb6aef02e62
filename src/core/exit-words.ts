/**
 * How a process ended, and what that usually means, in words. Pure; part of `event-words`, which says what comes next.
 * It tells what is likely as likely: whoever sends SIGKILL leaves no name.
 */
import type { Evidence } from './instance-state.ts';
import { spokenTime } from './spoken.ts';

export interface ExitSeen {
  readonly code: number | null;
  readonly signal: string | null;
  /** Null: it is not known any more. */
  readonly pid: number | null;
  /** Null: it never was. */
  readonly readyForMs: number | null;
  /** The line of stderr that names the error. */
  readonly error: string | undefined;
}

/** Undefined when the event is no end of a process. What a file holds may be anything. */
export function exitIn(evidence: Evidence): ExitSeen | undefined {
  const { code, signal, pid, readyForMs } = evidence;
  const known = {
    code: typeof code === 'number' ? code : null,
    signal: typeof signal === 'string' ? signal : null,
    pid: typeof pid === 'number' ? pid : null,
    readyForMs: typeof readyForMs === 'number' ? readyForMs : null,
    error: errorIn(evidence),
  };
  return known.code === null && known.signal === null ? undefined : known;
}

/** `TypeError: x is not a function`, `Error [ERR_X]: …`, `FATAL ERROR: Reached heap limit …` */
const errorPattern = /^(?:Uncaught )?(?:[A-Z]\w*(?:Error|Exception)|Error|FATAL ERROR)(?: \[\w+\])?: \S/;
const longestError = 160;

/** Under a stack the cause may follow, so the first that names one is it. */
function errorIn({ stderr }: Evidence): string | undefined {
  const lines = Array.isArray(stderr) ? stderr.filter((line) => typeof line === 'string') : [];
  const line = lines.find((each) => errorPattern.test(each));
  return line === undefined || line.length <= longestError ? line : `${line.slice(0, longestError)}…`;
}

const fromOutside = 'nobody here sent that, so it came from outside';
const nativeFault = 'a fault in native code: an addon, or Node itself';
const meaningOfSignal: Readonly<Record<string, string>> = {
  SIGKILL: 'nobody here sent that: it was killed from outside, or by the kernel for want of memory',
  SIGTERM: fromOutside,
  SIGINT: fromOutside,
  SIGHUP: fromOutside,
  SIGQUIT: fromOutside,
  SIGSEGV: nativeFault,
  SIGBUS: nativeFault,
  SIGILL: nativeFault,
  SIGFPE: nativeFault,
  SIGABRT: 'it gave up by itself: Node does so when its heap is full',
  SIGTRAP: 'Node does so after an error from which it cannot recover',
};
const meaningOfCode: Readonly<Record<number, string>> = {
  0: 'it ended by itself, though a service is meant to run on',
  1: 'usually an error that nobody caught',
  13: 'an await at the top of its module never ended',
  78: 'it refused its configuration',
};

/** `was killed by SIGKILL`, `exited with code 1` */
const howItEnded = ({ code, signal }: ExitSeen): string =>
  signal === null ? `exited with code ${String(code)}` : `was killed by ${signal}`;

const meaningOf = ({ code, signal, error }: ExitSeen): string | undefined =>
  error ?? (signal === null ? meaningOfCode[code ?? -1] : meaningOfSignal[signal]);

function whenItEnded({ readyForMs, pid }: ExitSeen): string {
  const who = pid === null ? '' : `, as pid ${String(pid)}`;
  return readyForMs === null
    ? `before it was ready${who}`
    : `after it was ready for ${spokenTime(readyForMs)}${who}`;
}

/** The words with which it said itself why: they stand before `(exited with code 1)`. */
export const ownWords = (reason: string): string | undefined =>
  /^([^]+) \((?:exited with code|killed by) \S+\)/.exec(reason)?.[1];

/** An end that nobody asked for. @param isKilledByUs then `reason` says why. */
export function exitWords(exit: ExitSeen, reason: string, isKilledByUs: boolean): string {
  const when = whenItEnded(exit);
  if (isKilledByUs) return `was killed by the supervisor ${when}: ${reason}`;
  const said = ownWords(reason);
  if (said !== undefined) return `${howItEnded(exit)} ${when}: ${said}`;
  const meaning = meaningOf(exit);
  return `${howItEnded(exit)} ${when}${meaning === undefined ? '' : ` (${meaning})`}`;
}

/** The end of a supervisor, which its keeper saw. */
export function supervisorExitWords(exit: ExitSeen, killedFor: string | undefined): string {
  const who = exit.pid === null ? '' : `, as pid ${String(exit.pid)}`;
  if (killedFor !== undefined) return `was killed by the keeper${who}: ${killedFor}`;
  const meaning = meaningOf(exit);
  return `${howItEnded(exit)}${who}${meaning === undefined ? '' : ` (${meaning})`}`;
}
