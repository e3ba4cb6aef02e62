/**
 * Tells the person at the terminal what became of a change: what is broken, once; what was restarted, why, and how long that took.
 */
import { slotId } from '../../../core/ids.ts';
import type { Problem } from '../../../core/options.ts';
import { problemText } from '../../../core/options.ts';
import type { Clock } from '../../../core/ports.ts';
import { clockTime } from '../../../core/print-log-line.ts';
import type { RunningApp } from '../running-app.ts';
import type { Terminal } from '../terminal.ts';
import * as words from './dev-words.ts';
import type { PlanChanges } from './plan-changes.ts';
import { RestartWatch } from './restart-watch.ts';
import type { RestartEnd } from './restart-watch.ts';

export interface ChangeReportNeeds {
  readonly app: RunningApp;
  readonly clock: Clock;
  readonly terminal: Pick<Terminal, 'say' | 'paint'>;
}

/** Files by their short names. */
export interface AppliedChange {
  readonly changes: PlanChanges;
  readonly anew: readonly string[];
  readonly filesOf: (service: string) => readonly string[];
  /** Of the app file, those that changed. */
  readonly appFiles: readonly string[];
  /** Monotonic: when somebody saved. */
  readonly since: number;
}

export class ChangeReport {
  readonly #needs: ChangeReportNeeds;
  #broken: string | undefined;
  #restart: RestartWatch | undefined;

  constructor(needs: ChangeReportNeeds) {
    this.#needs = needs;
  }

  get isBroken(): boolean {
    return this.#broken !== undefined;
  }

  /** Once, however often it is read like that. */
  broken(files: readonly string[], problems: readonly Problem[]): void {
    const { app, terminal } = this.#needs;
    const text = problems.map(problemText).join('\n');
    if (text !== this.#broken) this.#say(words.brokenText(files, text, terminal.paint));
    this.#broken = text;
    app.filesNote = words.brokenNote(text);
  }

  /** Another change is under way: of the last one nothing more is told. */
  begin(): void {
    this.#restart?.close();
  }

  applied(change: AppliedChange): void {
    const { app, terminal } = this.#needs;
    if (this.isBroken) this.#say(words.mendedText(terminal.paint));
    this.#broken = undefined;
    app.filesNote = undefined;
    const { changes, anew, appFiles } = change;
    const lines = words.planLines(changes, (service) => app.wanted.count(service));
    for (const line of lines) this.#say(line);
    if (anew.length > 0) this.#lookOn(change);
    else if (lines.length === 0 && appFiles.length > 0)
      this.#say(`${words.changedText([], [], appFiles)}: nothing to restart`);
  }

  close(): void {
    this.#restart?.close();
  }

  /** With the time, as the lines between which it stands. */
  #say(text: string): void {
    const { clock, terminal } = this.#needs;
    terminal.say(`${terminal.paint('gray', clockTime(new Date(clock.wall())))} ${text}`);
  }

  #lookOn({ changes, anew, filesOf, since }: AppliedChange): void {
    const { app, clock, terminal } = this.#needs;
    const changed = anew.filter((name) => !changes.added.includes(name));
    const head = words.changedText(changed, changes.added, [...new Set(anew.flatMap(filesOf))]);
    const wordsOf = (end: RestartEnd): string => {
      const started = terminal.paint('green', changed.length === 0 ? 'started' : 'restarted');
      if (end.end === 'ready') return words.readyText(head, clock.now() - since, started);
      const what = `${slotId(end.slot)} ${end.slot.reason}`;
      return (end.end === 'trouble' ? words.troubleText : words.waitingText)(head, what, terminal.paint);
    };
    this.#restart = new RestartWatch({
      ...{ app, clock, services: anew },
      onEnd: (end) => {
        this.#say(wordsOf(end));
      },
    });
  }
}
