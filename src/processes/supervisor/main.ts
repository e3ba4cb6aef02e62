/**
 * The supervisor program: decides who runs, and carries no request. Here its parts are built, linked and started, and stopped in reverse.
 * Kill it with -9 and traffic flows on: its successor takes app, manifest and slots from the keeper, and goes on.
 */
import { isTuttiError } from '../../core/errors.ts';
import type { AppDefinition } from '../../define/app.ts';
import { configInvalid, loadApp } from '../../define/load-app.ts';
import type { AppManifest } from '../../define/manifest.ts';
import { inheritedEnvironment } from '../../define/read-env.ts';
import { readManifest } from '../../define/read-manifest.ts';
import { readProject } from '../../define/read-project.ts';
import type { Project, ProjectFiles } from '../../define/read-project.ts';
import { liveProcesses } from '../../os/proc.ts';
import { isStillOurs } from '../../os/processes-file.ts';
import { killGroups } from '../../os/process-groups.ts';
import { systemClock } from '../../os/clock.ts';
import { socketPath } from '../../os/directories.ts';
import { adminRoutes } from './admin-routes.ts';
import { AdminServer } from './admin-server.ts';
import { Announcer } from './announcer.ts';
import { DevLoop } from './dev/dev-loop.ts';
import { devPlan } from './dev/dev-plan.ts';
import { KeeperLink } from './keeper-link.ts';
import type { StopAsked, Welcome } from './keeper-link.ts';
import type { LogFile } from './log-file.ts';
import { openLogFile } from './log-file.ts';
import { LogHub } from './log-hub.ts';
import { Operations } from './operations.ts';
import { Operator } from './operator.ts';
import { Overrides } from './overrides.ts';
import { makePlan } from './plan.ts';
import { tryPorts } from './port-taken.ts';
import { RunningApp, stopMemo } from './running-app.ts';
import { AppStop } from './stop-app.ts';
import { Terminal } from './terminal.ts';

/** What `tutti start` hands over, as one JSON argument. */
export interface SupervisorArguments {
  readonly appFile: string;
  readonly runDir: string;
  readonly stateDir: string;
  readonly version: string;
  /** Monotonic milliseconds at which the command began. */
  readonly startedAt: number;
  readonly colors: boolean;
  /** `tutti dev`: follows the files of the project. */
  readonly dev?: boolean;
}

/** In the keeper's memo `app`: a successor never reads the app file, which may be half edited. */
interface AppMemo {
  readonly app: AppDefinition;
  readonly manifest: AppManifest;
  /** Epoch milliseconds; `readAt`: when the files of what runs were read. */
  readonly startedAt: number;
  readonly readAt: number;
}

const exitCodeConfigInvalid = 3;
const exitCodeSecondSignal = 130;
/** Instances have 5 s to finish when the keeper is gone; then what is left is killed here. */
const orphansKilledAfterMs = 7_000;

const given = JSON.parse(process.argv[2] ?? '{}') as SupervisorArguments;
process.title = 'tutti: supervisor';
for (const output of [process.stdout, process.stderr]) output.on('error', () => undefined);
// Ctrl-C is for the keeper, which then asks us.
process.on('SIGINT', () => undefined);
process.on('SIGHUP', () => undefined);

interface Prepared {
  readonly memo: AppMemo;
  /** In `tutti dev`, of who has read them himself. */
  readonly files?: ProjectFiles;
}

async function readApp(): Promise<Project & { readonly files?: ProjectFiles }> {
  if (given.dev === true) {
    const { project, problems, files } = await readProject(given.appFile);
    if (project === undefined) throw configInvalid(given.appFile, problems);
    return { ...project, files };
  }
  const app = await loadApp(given.appFile);
  await tryPorts(app);
  const { manifest, problems } = await readManifest(app, given.appFile);
  if (problems.length > 0) throw configInvalid(given.appFile, problems);
  return { app, manifest };
}

async function prepare(welcome: Welcome): Promise<Prepared> {
  const memo = welcome.memos['app'] as AppMemo | undefined;
  if (memo !== undefined) return { memo };
  const readAt = systemClock.wall();
  const { app, manifest, files } = await readApp();
  return {
    memo: { app, manifest, startedAt: systemClock.wall(), readAt },
    ...(files === undefined ? {} : { files }),
  };
}

class Supervisor {
  readonly #keeper: KeeperLink;
  #app: RunningApp | undefined;
  #admin: AdminServer | undefined;
  #operator: Operator | undefined;
  #announcer: Announcer | undefined;
  #logFile: LogFile | undefined;
  #stop: AppStop | undefined;
  #dev: DevLoop | undefined;
  #stopAsked: StopAsked | undefined;
  #exitCode = 0;

  constructor() {
    this.#keeper = new KeeperLink({
      fd: 3,
      onExited: (exit) => void this.#app?.onExited(exit),
      onStop: (stop) => {
        this.#onStop(stop);
      },
      onLost: () => void this.#onKeeperLost(),
    });
  }

  async run(): Promise<void> {
    const welcome = await this.#keeper.welcome;
    const { memo, files } = await prepare(welcome);
    const { app, manifest, startedAt } = memo;
    await this.#rememberApp(memo);
    const level = app.logLevel ?? 'info';
    const hub = new LogHub({ clock: systemClock, level, generation: welcome.generation });
    const log = hub.logger();
    const overrides = new Overrides(given.stateDir, (sentence) => {
      log.warn(sentence);
    });
    const { colors, dev: isDev = false } = given;
    const terminal = new Terminal({ ...{ hub, colors, isDev }, output: process.stdout, clock: systemClock });
    const announcer = (this.#announcer = new Announcer({ ...given, terminal, hub, log, clock: systemClock }));
    const plan = makePlan({ ...given, app, manifest });
    const running = new RunningApp({
      ...{
        welcome,
        startedAt,
        overrides,
        hub,
        log,
        keeper: this.#keeper,
        clock: systemClock,
        random: Math.random,
      },
      plan: isDev ? devPlan(plan) : plan,
      runDir: given.runDir,
      stateDir: given.stateDir,
      env: inheritedEnvironment(),
      logLevel: level,
      onEvent: (event) => {
        announcer.onEvent(event);
      },
    });
    this.#logFile = openLogFile({ options: app.logs ?? {}, appFile: given.appFile, hub, clock: systemClock });
    this.#app = running;
    this.#stop = new AppStop(running, systemClock);
    if (welcome.generation === 1) {
      const evidence = running.events.unfinished;
      running.events.note({ name: 'app:started', reason: given.appFile, evidence });
    }
    await running.start();
    await this.#serveAdmin(running, { hub, log, welcome });
    this.#keeper.tell('up');
    if (welcome.generation > 1)
      running.events.note({
        name: 'supervisor:replaced',
        reason: 'its predecessor was gone',
        evidence: { generation: welcome.generation, ...welcome.predecessor },
      });
    announcer.begin(running, welcome.generation > 1);
    // A stop that a predecessor began is finished, whoever asked for it.
    const stop = this.#stopAsked ?? (welcome.memos[stopMemo] as StopAsked | undefined);
    if (stop !== undefined) this.#onStop(stop);
    else if (isDev) this.#dev = this.#followFiles(running, terminal, { memo, ...(files && { files }) });
  }

  #followFiles(app: RunningApp, terminal: Terminal, { memo, files }: Prepared): DevLoop {
    const { startedAt, readAt } = memo;
    return new DevLoop({
      ...{ ...given, app, terminal, readAt, files, clock: systemClock },
      remember: (project, at) => this.#rememberApp({ ...project, startedAt, readAt: at }),
    });
  }

  async #rememberApp(memo: AppMemo): Promise<void> {
    process.title = `tutti: supervisor ${memo.app.name}`;
    await this.#keeper.ask({ op: 'memo', key: 'app', value: memo });
    await this.#keeper.ask({ op: 'title', text: memo.app.name });
  }

  /** Before anything ran: the keeper ends with this code, and nothing is left. */
  async refuse(error: unknown): Promise<void> {
    const isConfig = isTuttiError(error, 'CONFIG_INVALID');
    const words = isTuttiError(error)
      ? error.message
      : error instanceof Error
        ? (error.stack ?? error.message)
        : String(error);
    process.stderr.write(`tutti: ${words}\n`);
    const code = isConfig && this.#app === undefined ? exitCodeConfigInvalid : 1;
    this.#app?.events.note({
      name: 'app:stopped',
      reason: words.split('\n', 1)[0] ?? '',
      evidence: { hasFailed: true },
    });
    await this.#keeper.ask({ op: 'finish', code }).catch(() => undefined);
    process.exit(code);
  }

  async #serveAdmin(
    app: RunningApp,
    { hub, log, welcome }: { hub: LogHub; log: ReturnType<LogHub['logger']>; welcome: Welcome },
  ): Promise<void> {
    const { keys, generation } = welcome;
    this.#operator = new Operator({ app, keys, generation, log, clock: systemClock, random: Math.random });
    const routes = adminRoutes({
      ...{ app, hub, operator: this.#operator, clock: systemClock },
      operations: new Operations(app),
      stopApp: (reason) => void this.#stopApp(reason, 0),
    });
    this.#admin = new AdminServer(socketPath(given.runDir, 'admin'), routes);
    await this.#admin.listen();
  }

  #onStop(stop: StopAsked): void {
    this.#stopAsked = stop;
    if (this.#stop === undefined) return;
    void this.#stopApp(stop.reason, stop.count > 1 ? exitCodeSecondSignal : 0);
    if (stop.count > 1) this.#stop.now(`${stop.reason} again`);
  }

  /** One stop however often it is asked for; the last code counts. */
  async #stopApp(reason: string, code: number): Promise<void> {
    this.#exitCode = code;
    if (this.#stop === undefined || this.#stop.hasBegun) return;
    this.#dev?.close();
    const memo = { op: 'stop', reason, count: 1 } satisfies StopAsked;
    void this.#keeper.ask({ op: 'memo', key: stopMemo, value: memo }).catch(() => undefined);
    this.#app?.events.note({ name: 'app:stopping', reason });
    if (this.#app !== undefined) this.#announcer?.beginStop(this.#app);
    await this.#stop.begin(reason);
    this.#app?.events.note({ name: 'app:stopped', reason });
    if (this.#app !== undefined) this.#announcer?.endStop(this.#app);
    await this.#operator?.close();
    this.#admin?.close();
    this.#app?.close();
    await this.#logFile?.close();
    await this.#keeper.ask({ op: 'finish', code: this.#exitCode }).catch(() => undefined);
    process.exit(0);
  }

  /** Instances see the same end on their lifelines and finish what they have in hand. */
  async #onKeeperLost(): Promise<void> {
    this.#dev?.close();
    const slots = this.#app?.slots.all() ?? [];
    this.#admin?.close();
    this.#app?.close();
    await this.#logFile?.close();
    await new Promise<void>((done) => {
      systemClock.after(orphansKilledAfterMs, done);
    });
    // A pid may be somebody else's by now: only what started when ours did, or is of the session we made, is ours.
    const living = liveProcesses();
    const ours = slots.flatMap(({ pid, processStart }) =>
      pid === null ? [] : [{ key: '', pid, pgid: pid, startTime: processStart ?? 0 }],
    );
    const left = ours.filter((entry) => isStillOurs(entry, living)).map(({ pgid }) => pgid);
    await killGroups(left, { clock: systemClock });
    process.exit(1);
  }
}

const supervisor = new Supervisor();
try {
  await supervisor.run();
} catch (error) {
  await supervisor.refuse(error);
}
