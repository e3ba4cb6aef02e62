/**
 * Turns transitions into words: a log line for each that matters, and on a terminal the troubles of the start and the one screen after it.
 */
import { isCallEnd } from '../../core/event-words.ts';
import { displayName } from '../../core/ids.ts';
import type { AppEvent, InstanceEvent, TuttiEvent } from '../../core/events.ts';
import type { LogLevel } from '../../core/log-line.ts';
import type { Clock } from '../../core/ports.ts';
import { renderStartScreen, renderTrouble } from '../../core/start-screen.ts';
import { routeToTry } from '../../define/route-to-try.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { LogHub } from './log-hub.ts';
import type { RunningApp } from './running-app.ts';
import { isAllReady, isSettled } from './settled.ts';
import { startLines, stopLines } from './progress-lines.ts';
import type { Terminal } from './terminal.ts';

export interface AnnouncerNeeds {
  readonly terminal: Terminal;
  readonly hub: LogHub;
  readonly log: Logger;
  readonly clock: Clock;
  readonly version: string;
  /** Monotonic: when the person pressed return. */
  readonly startedAt: number;
}

const isTrouble = ({ to }: InstanceEvent): boolean => to === 'backoff' || to === 'failed';

/** Of a process that hung. */
const isKill = ({ to, evidence }: InstanceEvent): boolean =>
  to === 'stopping' && typeof evidence['verdict'] === 'string';

const killSentence = ({ evidence }: InstanceEvent): string =>
  isCallEnd(evidence)
    ? 'A call or a job ran too long: its process is killed'
    : 'Instance hangs and is killed';

/** Deaths that nobody asked for are worth a look; the rest is life. */
function levelOf(event: InstanceEvent): LogLevel | undefined {
  const { from, to, failures } = event;
  if (from === to) return undefined;
  if (to === 'failed') return 'error';
  if (to === 'backoff' || to === 'unready' || isKill(event)) return 'warn';
  if (to === 'pending') return failures > 0 && from !== 'backoff' ? 'warn' : undefined;
  return to === 'starting' ? undefined : 'info';
}

const sentenceOf: Readonly<Record<InstanceEvent['to'], string>> = {
  starting: 'Instance is starting',
  ready: 'Instance is ready',
  unready: 'Instance is not fit for calls',
  draining: 'Instance finishes what it has in hand',
  stopping: 'Instance is made to end',
  stopped: 'Instance has stopped',
  pending: 'Instance ended and starts again',
  backoff: 'Instance ended and will be started again',
  failed: 'Instance has failed and is not started again',
};

const sentenceOfApp: Partial<
  Record<AppEvent['name'], { readonly level: LogLevel; readonly sentence: string }>
> = {
  'roll:started': { level: 'info', sentence: 'Instances are replaced one at a time' },
  'roll:done': { level: 'info', sentence: 'All instances are replaced' },
  'roll:undone': { level: 'warn', sentence: 'A new instance did not become ready: the old ones stay' },
  'service:scaled': { level: 'info', sentence: 'A service was scaled' },
  'service:changed': { level: 'info', sentence: 'The code of a service has changed' },
};

const lastLineCount = 8;
/** Of a crash loop. */
const loopLineCount = 20;

export class Announcer {
  readonly #needs: AnnouncerNeeds;
  readonly #told = new Set<string>();
  /** Slots of which trouble was told: that it is over is told as loudly, or the alarm would be the last word. */
  readonly #alarmed = new Set<string>();
  #app: RunningApp | undefined;
  #isStarted = false;
  #stopBeganAt = 0;

  constructor(needs: AnnouncerNeeds) {
    this.#needs = needs;
  }

  /** A successor says nothing of a start: it was told already. */
  begin(app: RunningApp, isSuccessor: boolean): void {
    this.#app = app;
    if (isSuccessor) {
      this.#isStarted = true;
      this.#needs.terminal.showEvents();
      this.#needs.log.warn('The supervisor was replaced; the app runs on');
      return;
    }
    this.#needs.terminal.progress((mark) => startLines(app.status(), mark, this.#needs.terminal.paint));
    this.#finishStart();
  }

  onEvent(event: TuttiEvent): void {
    if (event.type === 'app') this.#onAppEvent(event);
    else this.#onTransition(event);
  }

  #onAppEvent({ name, service, reason }: AppEvent): void {
    const words = sentenceOfApp[name];
    if (words !== undefined) this.#needs.log[words.level](words.sentence, { service, reason });
  }

  #onTransition(event: InstanceEvent): void {
    this.#tell(event);
    if (event.crashLoop && event.to === 'backoff') this.#tellLoop(event);
    if (this.#isStarted) return;
    if (isTrouble(event)) this.#tellTrouble(event);
    this.#finishStart();
  }

  #tell(event: InstanceEvent): void {
    const { instance, reason, from, to } = event;
    const level = levelOf(event);
    if (level === undefined) return;
    const slot = instance.slice(0, instance.lastIndexOf('@'));
    const isAgain = to === 'ready' && (from === 'unready' || this.#alarmed.has(slot));
    if (to === 'ready' || to === 'stopped') this.#alarmed.delete(slot);
    else if (level !== 'info') this.#alarmed.add(slot);
    if (isAgain) this.#needs.log.warn('Instance is ready again', { instance, reason });
    else
      this.#needs.log[level](isKill(event) ? killSentence(event) : sentenceOf[to], {
        instance,
        reason,
      });
  }

  /** Shows who is waited for. */
  beginStop(app: RunningApp): void {
    const { terminal, clock } = this.#needs;
    this.#isStarted = true;
    this.#stopBeganAt = clock.now();
    terminal.endProgress();
    terminal.progress((mark) => stopLines(app.status(), mark, terminal.paint));
  }

  endStop(app: RunningApp): void {
    const { terminal, clock } = this.#needs;
    terminal.endProgress();
    terminal.say(
      `${app.plan.app.name} has stopped after ${((clock.now() - this.#stopBeganAt) / 1_000).toFixed(1)} s`,
    );
  }

  #tellLoop({ instance, failures }: InstanceEvent): void {
    const lastLines = this.#needs.hub.lastWords(instance, loopLineCount);
    this.#needs.log.warn('Instance ends again and again', { instance, failures, lastLines });
  }

  #tellTrouble(event: InstanceEvent): void {
    if (this.#told.has(event.service)) return;
    this.#told.add(event.service);
    const shown = displayName(event.service);
    const next =
      event.to === 'failed'
        ? `it is not tried again; mend it, then: npx tutti start ${shown}`
        : `it is tried again; the whole story: npx tutti why ${shown}`;
    const lastLines = this.#needs.hub.lastWords(event.instance, lastLineCount);
    this.#needs.terminal.say(
      renderTrouble(
        { service: event.service, instance: event.instance, reason: event.reason, next, lastLines },
        this.#needs.terminal.paint,
      ),
    );
  }

  #finishStart(): void {
    const app = this.#app;
    if (app === undefined || this.#isStarted || !isSettled(app.status())) return;
    this.#isStarted = true;
    const { terminal, clock, log, version, startedAt } = this.#needs;
    const status = app.status();
    const tookMs = clock.now() - startedAt;
    terminal.endProgress();
    terminal.say(
      renderStartScreen({
        status,
        tookMs,
        version,
        node: process.versions.node,
        tryPath: routeToTry(app.plan.manifest),
        stop: 'Ctrl-C (twice: at once)',
        paint: terminal.paint,
      }),
    );
    terminal.showEvents();
    const urls = status.services.flatMap((service) => service.urls);
    if (isAllReady(status))
      log.info('The app is ready', { app: status.app, tookMs: Math.round(tookMs), urls });
    else
      log.warn('The app is degraded', {
        app: status.app,
        tookMs: Math.round(tookMs),
        urls,
        notes: status.notes,
      });
  }
}
