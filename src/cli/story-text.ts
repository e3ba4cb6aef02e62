/**
 * Events and stories as lines of text: when, who, and the sentence. What services said is escaped here.
 * Used by `why`, `events`, `top` and a rolling restart.
 */
import type { Tone } from '../core/event-words.ts';
import { eventSubject, eventWords } from '../core/event-words.ts';
import type { TuttiEvent } from '../core/events.ts';
import { escapeControls } from '../core/log-line.ts';
import type { Paint, Style } from '../core/paint.ts';
import { momentText, preciseMomentText } from '../core/moments.ts';
import { wrapText } from './wrap.ts';

export interface TextLine {
  readonly time: number;
  /** Empty: the whole app. */
  readonly who: string;
  readonly text: string;
  readonly tone: Tone;
}

export interface TextOptions {
  readonly paint: Paint;
  /** Of the terminal; Infinity: nothing is broken. */
  readonly width: number;
  /** Which day is today. */
  readonly now: number;
}

const styleOfTone: Partial<Record<Tone, Style>> = { good: 'green', warn: 'yellow', bad: 'red' };

export function painted(text: string, tone: Tone, paint: Paint): string {
  const style = styleOfTone[tone];
  return style === undefined ? text : paint(style, text);
}

export const eventLine = (event: TuttiEvent): TextLine => ({
  ...eventWords(event),
  time: event.time,
  who: eventSubject(event),
});

const margin = 2;
const gap = 2;

/** To the second; to the millisecond where two lines would have the same second, and one could not see how long it took. */
function timesOf(lines: readonly TextLine[], now: number): string[] {
  const times = lines.map(({ time }) => momentText(time, now));
  return new Set(times).size === times.length ? times : lines.map(({ time }) => preciseMomentText(time, now));
}

/** Lined up; a sentence that does not fit is broken between words. */
export function storyLines(lines: readonly TextLine[], { paint, width, now }: TextOptions): string[] {
  const times = timesOf(lines, now);
  const timeWidth = Math.max(0, ...times.map(({ length }) => length));
  const whoWidth = Math.max(0, ...lines.map(({ who }) => who.length));
  const indent = margin + timeWidth + gap + whoWidth + gap;
  return lines.map(({ who, text, tone }, index) => {
    const time = (times[index] ?? '').padEnd(timeWidth);
    const sentence = painted(wrapText(escapeControls(text), width, indent), tone, paint);
    return `${' '.repeat(margin)}${paint('gray', time)}${' '.repeat(gap)}${paint('cyan', who.padEnd(whoWidth))}${' '.repeat(gap)}${sentence}`;
  });
}
