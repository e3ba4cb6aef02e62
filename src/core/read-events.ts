/**
 * What a file of events may hold after years and crashes, as events in their order. Pure: lines in.
 * Used by the event log, and by commands when the app does not run.
 */
import type { TuttiEvent } from './events.ts';
import type { Evidence } from './instance-state.ts';
import { isPlainObject } from './options.ts';

/** Only what looks like an event is one. */
export function readEvent(line: string): TuttiEvent | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (!isPlainObject(value)) return undefined;
    const { seq, time, type, reason, evidence } = value;
    const isEvent =
      Number.isSafeInteger(seq) &&
      Number.isFinite(time) &&
      typeof reason === 'string' &&
      isPlainObject(evidence);
    const isKnown =
      (type === 'instance' &&
        typeof value['instance'] === 'string' &&
        typeof value['service'] === 'string') ||
      (type === 'app' && typeof value['name'] === 'string');
    return isEvent && isKnown ? (value as unknown as TuttiEvent) : undefined;
  } catch {
    return undefined;
  }
}

export function readEvents(lines: readonly string[]): TuttiEvent[] {
  let last = -1;
  return lines.flatMap((line) => {
    const event = readEvent(line);
    if (event === undefined || event.seq <= last) return [];
    last = event.seq;
    return [event];
  });
}

/**
 * Evidence for the start that follows: what the run that wrote these left undone, a `run` that nobody stopped or a `stop` that was
 * begun, and the epoch milliseconds of its last event. Empty: it was stopped, or there was none.
 */
export function unfinishedRun(events: readonly TuttiEvent[]): Evidence {
  const last = events.at(-1);
  const step = events.findLast(
    (event) => event.type === 'app' && ['app:started', 'app:stopping', 'app:stopped'].includes(event.name),
  );
  const name = step?.type === 'app' ? step.name : undefined;
  if (last === undefined || name === 'app:stopped') return {};
  return { unfinished: name === 'app:stopping' ? 'stop' : 'run', lastEventAt: last.time };
}
