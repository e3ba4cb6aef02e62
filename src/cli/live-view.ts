/**
 * Runs a live screen over an app: each second, each key and each change of size draws it anew. Used by `top` and `status --watch`.
 * Says how it ended once the terminal is as it was.
 */
import type { AppConnection } from './app-connection.ts';
import { LiveScreen } from './live-screen.ts';
import type { Enough } from './until-signal.ts';
import { untilSignal } from './until-signal.ts';
import { watchStatus } from './watch-status.ts';
import type { Look } from './watch-status.ts';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export interface LiveView {
  /** Before each look is drawn. */
  readonly refresh?: (signal: AbortSignal) => Promise<void>;
  readonly draw: (look: Look, size: Size) => readonly string[];
  readonly onKey?: (key: string) => void;
  /** After each look: there is nothing more to see. */
  readonly isOver?: () => boolean;
}

const endKeys: ReadonlySet<string> = new Set(['q', 'Q', '\u0003', '\u0004', '\u001b']);

export const isTerminal = (): boolean => process.stdout.isTTY && process.env['TERM'] !== 'dumb';

/** What the app was called; and whether it has ended, or the one who looked has had enough. */
export async function runLive(app: AppConnection, view: LiveView): Promise<'ended' | 'enough'> {
  using enough = untilSignal();
  const looks = watchStatus(app, enough.signal);
  // What is not running is said on the terminal as it is.
  const first = await looks.next();
  if (first.done === true) return 'enough';
  await drawAll(first.value, looks, { view, enough });
  return enough.signal.aborted ? 'enough' : 'ended';
}

async function drawAll(
  first: Look,
  looks: AsyncGenerator<Look>,
  { view, enough }: { readonly view: LiveView; readonly enough: Enough },
): Promise<void> {
  let look = first;
  const draw = (): void => {
    screen.draw(view.draw(look, screen));
    if (view.isOver?.() === true) enough.abort();
  };
  using screen = new LiveScreen({
    output: process.stdout,
    input: process.stdin.isTTY ? process.stdin : undefined,
    onKey: (key) => {
      if (endKeys.has(key)) enough.abort();
      else view.onKey?.(key);
      draw();
    },
    onResize: draw,
  });
  await view.refresh?.(enough.signal);
  draw();
  for await (look of looks) {
    if (look.silentMs === 0) await view.refresh?.(enough.signal);
    draw();
  }
}
