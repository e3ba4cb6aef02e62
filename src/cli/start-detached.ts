/**
 * `tutti start -d`: another process becomes the keeper; we wait until the app is ready and show what the foreground would show.
 * Whatever comes of it, the app that runs is left running.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, fstatSync, ftruncateSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { displayName } from '../core/ids.ts';
import type { LogLine } from '../core/log-line.ts';
import { escapeControls } from '../core/log-line.ts';
import { renderStartScreen, renderTrouble } from '../core/start-screen.ts';
import type { AppStatus, InstanceStatus } from '../core/status.ts';
import type { AppManifest } from '../define/manifest.ts';
import { routeToTry } from '../define/route-to-try.ts';
import { openPrivateDirectory } from '../os/directories.ts';
import { AppConnection } from './app-connection.ts';
import type { AppAbout } from './app-connection.ts';
import { AdminClient } from './admin-client.ts';
import type { AppLocation } from './app-location.ts';
import type { Io } from './io.ts';
import { jsonText } from './io.ts';
import type { Outcome } from './outcome.ts';
import { exit, exitCodes } from './outcome.ts';
import { secondsText } from './quantities.ts';
import { packageVersion } from './version.ts';

interface DetachedOptions {
  readonly waitMs: number;
  readonly json: boolean;
  readonly io: Io;
}

interface Settled {
  readonly settled: boolean;
  readonly status: AppStatus;
}

const command = fileURLToPath(new URL('../../bin/tutti.js', import.meta.url));
const lookEveryMs = 50;
/** While an instance that failed may still come up. */
const againMs = 200;
/** Before it says whom it waits for. */
const silentMs = 2_000;
const lastLineCount = 8;
/** Beyond it the file of last words begins anew. */
const wordsLimit = 1_048_576;

export async function startDetached(location: AppLocation, options: DetachedOptions): Promise<Outcome> {
  const began = performance.now() - process.uptime() * 1_000;
  const until = performance.now() + options.waitMs;
  const started = new StartedKeeper(location);
  const client = new AdminClient(location.adminSocket);
  while (!(await isOurs(client, started))) {
    if (started.hasEnded) return started.explain(options.io);
    if (performance.now() > until) {
      if (started.words !== '') options.io.err(started.words);
      options.io.err(`tutti: nothing answers after ${secondsText(options.waitMs)}; it goes on starting`);
      options.io.err('  Look: npx tutti status');
      return exit('notReady');
    }
    await pause(lookEveryMs);
  }
  const app = new AppConnection(location);
  const status = await untilReady(app, until, options.io.err);
  return present(app, status, { ...options, tookMs: performance.now() - began });
}

/** Another app file's keeper, or one that ran before, may hold the socket. */
async function isOurs(client: AdminClient, started: StartedKeeper): Promise<boolean> {
  try {
    return (await client.get<AppAbout>('/about')).keeperPid === started.pid;
  } catch {
    return false;
  }
}

const isReady = ({ services }: AppStatus): boolean => services.every(({ ready, wanted }) => ready >= wanted);
const hasFailed = ({ services }: AppStatus): boolean =>
  services.some(({ instances }) => instances.some(({ state }) => state === 'failed'));

/** Nobody starts, and nobody is tried again: they wait for one who is stopped by hand. */
const isStill = ({ services }: AppStatus): boolean =>
  services.every(({ instances }) =>
    instances.every(({ state }) => state === 'ready' || state === 'stopped' || state === 'pending'),
  );

/** Or until it is over: nobody waits for one that is given up, but for one that is tried again we do. */
async function untilReady(
  app: AppConnection,
  until: number,
  say: (text: string) => void,
): Promise<AppStatus> {
  let told = '';
  for (;;) {
    const left = Math.max(0, Math.round(until - performance.now()));
    const { settled, status } = await app.get<Settled>(`/settled?waitMs=${String(Math.min(left, silentMs))}`);
    const isOver = settled && (hasFailed(status) || isStill(status));
    if (isReady(status) || isOver || performance.now() >= until) return status;
    const text = escapeControls(whoIsWaitedFor(status));
    if (text !== told) say(text);
    told = text;
    await pause(againMs);
  }
}

function whoIsWaitedFor({ services }: AppStatus): string {
  const waiting = services
    .flatMap(({ instances }) => instances)
    .filter(({ state }) => state !== 'ready' && state !== 'stopped');
  return `waits for ${waiting.map(({ slot, state, reason }) => `${displayName(slot)} (${state}: ${reason})`).join(', ')}`;
}

async function present(
  app: AppConnection,
  status: AppStatus,
  { io, json, tookMs }: DetachedOptions & { tookMs: number },
): Promise<Outcome> {
  if (json) io.out(jsonText(status));
  else {
    const { version, node } = { version: packageVersion(), node: process.versions.node };
    const tryPath = routeToTry(await app.get<AppManifest>('/manifest'));
    const facts = { status, tookMs, version, node, tryPath, stop: 'npx tutti stop', paint: io.paint };
    io.out(renderStartScreen(facts));
  }
  if (isReady(status)) return exit('ok');
  for (const { name, instances, ready, wanted } of status.services) {
    const troubled = instances.find(({ state }) => state !== 'ready');
    if (ready < wanted && troubled !== undefined) io.err(await trouble(app, name, { troubled, io }));
  }
  for (const note of status.notes) io.err(`  ${io.errPaint('yellow', '!')} ${escapeControls(note)}`);
  return exit('notReady');
}

async function trouble(
  app: AppConnection,
  service: string,
  { troubled, io }: { troubled: InstanceStatus; io: Io },
): Promise<string> {
  const { state, slot, reason } = troubled;
  const shown = displayName(service);
  const next =
    state === 'failed'
      ? `it is not tried again; mend it, then: npx tutti start ${shown}`
      : `it is ${state}, the app goes on; look: npx tutti why ${shown}`;
  const lastLines = await lastWords(app, slot);
  return renderTrouble({ service, instance: slot, reason, next, lastLines }, io.errPaint);
}

async function lastWords(app: AppConnection, slot: string): Promise<string[]> {
  const words: string[] = [];
  const { signal } = new AbortController();
  const path = `/logs?service=${encodeURIComponent(slot)}`;
  for await (const line of app.follow(path, signal) as AsyncGenerator<LogLine>)
    if (line.stream === 'stderr') words.push(line.message);
  return words.slice(-lastLineCount);
}

/** The process that becomes the keeper. What it and its supervisors say for themselves goes to `<state>/keeper.log`. */
class StartedKeeper {
  readonly #child: ChildProcess;
  readonly #path: string;
  readonly #from: number;

  constructor({ appFile, stateDir }: AppLocation) {
    openPrivateDirectory(stateDir);
    this.#path = join(stateDir, 'keeper.log');
    const fd = openSync(this.#path, 'a', 0o600);
    if (fstatSync(fd).size > wordsLimit) ftruncateSync(fd);
    this.#from = fstatSync(fd).size;
    this.#child = spawn(process.execPath, [command, 'start', appFile], {
      detached: true,
      stdio: ['ignore', 'ignore', fd],
    });
    closeSync(fd);
    this.#child.unref();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  get words(): string {
    return readFileSync(this.#path).subarray(this.#from).toString().trimEnd();
  }

  explain(io: Io): Outcome {
    const said = this.words;
    io.err(
      said === ''
        ? `tutti: it ended with ${this.#child.signalCode ?? `code ${String(this.#child.exitCode)}`}`
        : said,
    );
    return { exitCode: this.#child.exitCode ?? exitCodes.failed };
  }
}
