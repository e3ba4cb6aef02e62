/**
 * Where the app speaks to the one who started it. A terminal gets progress, one screen, and then only what happens;
 * anything else (a pipe, a container) gets the structured stream of all processes, a JSON line each.
 * In `tutti dev` both get all that services say, as text: there is always a person.
 */
import { bounds } from '../../core/bounds.ts';
import type { LogLine } from '../../core/log-line.ts';
import { levelAtLeast } from '../../core/log-line.ts';
import type { Paint } from '../../core/paint.ts';
import { makePaint } from '../../core/paint.ts';
import type { Clock, Timer } from '../../core/ports.ts';
import { logLineJson, printLogLine } from '../../core/print-log-line.ts';
import type { LogHub } from './log-hub.ts';

export interface Output {
  readonly isTTY?: boolean;
  /** Bytes that were written and not yet read. */
  readonly writableLength?: number;
  write(text: string): unknown;
}

export interface TerminalNeeds {
  readonly output: Output;
  readonly hub: LogHub;
  readonly clock: Clock;
  /** false with NO_COLOR. */
  readonly colors: boolean;
  readonly isDev?: boolean;
}

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const frameMs = 80;

export class Terminal {
  readonly paint: Paint;
  readonly isTerminal: boolean;
  readonly #needs: TerminalNeeds;
  #progress: Timer | undefined;
  #drawnLines = 0;
  #frame = 0;
  #isQuiet = true;
  #dropped = 0;

  constructor(needs: TerminalNeeds) {
    this.#needs = needs;
    this.isTerminal = needs.output.isTTY === true;
    this.paint = makePaint(this.isTerminal && needs.colors);
    needs.hub.follow((line) => {
      this.#onLine(line);
    });
  }

  /** Lines that move, until `endProgress`. Elsewhere than on a terminal the log lines are the progress. */
  progress(lines: (mark: string) => readonly string[]): void {
    if (!this.isTerminal) return;
    this.#draw(lines);
    this.#progress = this.#needs.clock.after(frameMs, () => {
      this.progress(lines);
    });
  }

  endProgress(): void {
    this.#progress?.cancel();
    this.#progress = undefined;
    this.#erase();
  }

  /** Something for people; in a stream of log lines it has no place. */
  say(text: string): void {
    if (!this.isTerminal && this.#needs.isDev !== true) return;
    this.#erase();
    this.#needs.output.write(`${text}\n`);
  }

  /** From now on warnings and errors are shown as they come. */
  showEvents(): void {
    this.#isQuiet = false;
  }

  #onLine(line: LogLine): void {
    if (this.#needs.isDev === true) this.#showDev(line);
    else if (!this.isTerminal) this.#stream(logLineJson(line));
    else if (!this.#isQuiet && levelAtLeast(line.level, 'warn'))
      this.say(printLogLine(line, this.paint, process.cwd()));
  }

  /** What services say, and of what we say the bad news: the rest stands in the lines about changes. */
  #showDev(line: LogLine): void {
    if (line.instance === 'supervisor' && (this.#isQuiet || !levelAtLeast(line.level, 'warn'))) return;
    this.#erase();
    this.#stream(printLogLine(line, this.paint, process.cwd()));
  }

  /** A reader who stands still must cost neither the app nor our memory: its lines are dropped, and it is told. */
  #stream(text: string): void {
    const { output, hub } = this.#needs;
    if ((output.writableLength ?? 0) > bounds.stdoutBytes) {
      this.#dropped += 1;
      return;
    }
    const lines = this.#dropped;
    this.#dropped = 0;
    if (lines > 0) hub.logger().warn('Lines were dropped: whoever reads them here is too slow', { lines });
    output.write(`${text}\n`);
  }

  #draw(lines: (mark: string) => readonly string[]): void {
    this.#erase();
    this.#frame = (this.#frame + 1) % frames.length;
    const drawn = lines(this.paint('cyan', frames[this.#frame] ?? ''));
    this.#needs.output.write(drawn.map((line) => `${line}\n`).join(''));
    this.#drawnLines = drawn.length;
  }

  #erase(): void {
    if (this.#drawnLines > 0) this.#needs.output.write(`\u001b[${String(this.#drawnLines)}A\u001b[0J`);
    this.#drawnLines = 0;
  }
}
