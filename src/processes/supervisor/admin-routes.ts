/**
 * What the admin API can do. Each route reads its request and calls one part; `docs/reference/admin-api.md` lists them.
 */
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';
import { slotId } from '../../core/ids.ts';
import type { LogLevel, LogLine } from '../../core/log-line.ts';
import { levelAtLeast, logLevels } from '../../core/log-line.ts';
import type { Clock } from '../../core/ports.ts';
import type { AdminRequest, AdminRoute, LineSink } from './admin-server.ts';
import type { LogHub } from './log-hub.ts';
import type { Operations, Target } from './operations.ts';
import type { Operator } from './operator.ts';
import type { RunningApp } from './running-app.ts';
import { isSettled } from './settled.ts';

export interface AdminNeeds {
  readonly app: RunningApp;
  readonly operations: Operations;
  readonly operator: Operator;
  readonly hub: LogHub;
  readonly clock: Clock;
  readonly stopApp: (reason: string) => void;
}

const answer = (run: (request: AdminRequest) => unknown): AdminRoute => ({ kind: 'answer', run });

function text(request: AdminRequest, name: string): string {
  const value = request.body[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new TuttiError('INVALID_INPUT', { message: `${name} is missing` });
}

function optionalNumber(request: AdminRequest, name: string): number | undefined {
  const value = request.body[name];
  if (value === undefined || typeof value === 'number') return value;
  throw new TuttiError('INVALID_INPUT', { message: `${name} must be a number` });
}

function queryNumber(query: URLSearchParams, name: string): number {
  const value = Number(query.get(name) ?? 0);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new TuttiError('INVALID_INPUT', { message: `${name} must be a number from 0` });
}

const targetView = ({ service, slots }: Target): object => ({ service, instances: slots.map(slotId) });

function logFilter({ query }: AdminRequest): (line: LogLine) => boolean {
  const services = query.getAll('service');
  const level = query.get('level');
  if (level !== null && !logLevels.includes(level as LogLevel))
    throw new TuttiError('INVALID_INPUT', { message: `level must be one of ${logLevels.join(', ')}` });
  const since = queryNumber(query, 'since');
  return (line) =>
    line.time >= since &&
    (level === null || levelAtLeast(line.level, level as LogLevel)) &&
    (services.length === 0 ||
      services.some(
        (name) => line.service === name || line.instance.startsWith(`${name}@`) || line.instance === name,
      ));
}

/** Resolves when the reader has gone; at once when it has already. */
function untilGone(signal: AbortSignal): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const done = (): void => {
    resolve(undefined);
  };
  if (signal.aborted) done();
  else signal.addEventListener('abort', done, { once: true });
  return promise;
}

interface LogStream {
  readonly wanted: (line: LogLine) => boolean;
  readonly follows: boolean;
  /** Aborted when the reader has gone. */
  readonly signal: AbortSignal;
}

/** What is remembered is sent as fast as it is read: only a reader who does not keep up with what is new is cut off. */
async function streamLogs(hub: LogHub, stream: LogStream, sink: LineSink): Promise<void> {
  const { wanted, signal } = stream;
  const remembered = hub.recent();
  let waiting: LogLine[] | undefined = [];
  const cut = new AbortController();
  const end = hub.follow((line) => {
    if (!stream.follows || !wanted(line)) return;
    if (waiting === undefined ? !sink.send(line) : waiting.push(line) > bounds.logLines) cut.abort();
  });
  const gone = AbortSignal.any([signal, cut.signal]);
  try {
    for (let lines = remembered; lines.length > 0; lines = waiting.splice(0))
      for (const line of lines) {
        if (gone.aborted) return;
        if (!wanted(line)) continue;
        sink.send(line);
        await sink.drained();
      }
    waiting = undefined;
    if (stream.follows) await untilGone(gone);
  } finally {
    end();
  }
}

/** Resolves when all that will be ready is, or after `waitMs`. */
async function untilSettled({ app, clock }: AdminNeeds, request: AdminRequest): Promise<object> {
  const waitMs = Math.min(600_000, queryNumber(request.query, 'waitMs'));
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const limit = clock.after(waitMs, () => {
    resolve(undefined);
  });
  const end = app.onTransition(() => {
    if (isSettled(app.status())) resolve(undefined);
  });
  if (isSettled(app.status())) resolve(undefined);
  await Promise.race([promise, untilGone(request.signal)]);
  limit.cancel();
  end();
  return { settled: isSettled(app.status()), status: app.status() };
}

export function adminRoutes(needs: AdminNeeds): Record<string, AdminRoute> {
  const { app, operations, operator, hub, stopApp } = needs;
  return {
    // Our parent is the keeper: whoever waits for the end of the app waits for its end.
    'GET /about': answer(() => ({
      app: app.plan.app.name,
      appFile: app.plan.appFile,
      keeperPid: process.ppid,
    })),
    'GET /status': answer(() => app.status()),
    'GET /settled': answer((request) => untilSettled(needs, request)),
    'GET /manifest': answer(() => app.plan.manifest),
    'GET /events': answer(({ query }) => app.events.after(queryNumber(query, 'after'))),
    'GET /logs': {
      kind: 'stream',
      run: (request) => {
        const follows = request.query.get('follow') === '1';
        const stream = { wanted: logFilter(request), follows, signal: request.signal };
        return (sink) => streamLogs(hub, stream, sink);
      },
    },
    'POST /start': answer((request) => targetView(operations.start(text(request, 'target')))),
    'POST /restart': answer((request) => targetView(operations.restart(text(request, 'target')))),
    'POST /stop': answer((request) => {
      if (request.body['target'] !== undefined) return targetView(operations.stop(text(request, 'target')));
      stopApp('tutti stop');
      return { stopping: app.plan.app.name };
    }),
    'POST /scale': answer((request) =>
      targetView(operations.scale(text(request, 'service'), optionalNumber(request, 'replicas'))),
    ),
    'POST /call': answer(async (request) => {
      const options = {
        deadlineMs: optionalNumber(request, 'deadlineMs'),
        http: request.body['envelope'] === true,
        requestId: request.body['requestId'] === undefined ? undefined : text(request, 'requestId'),
      };
      return { output: await operator.call(text(request, 'action'), request.body['input'] ?? {}, options) };
    }),
    'POST /emit': answer((request) => operator.emit(text(request, 'event'), request.body['payload'])),
  };
}
