/**
 * What the admin API can do. Each route reads its request and calls one part.
 */
import { slotId } from '../../core/ids.ts';
import type { Clock } from '../../core/ports.ts';
import { bodyNumber, bodyText, queryNumber } from './admin-request.ts';
import type { AdminRequest, AdminRoute } from './admin-server.ts';
import { eventPage } from './event-routes.ts';
import { jobRoutes } from './job-routes.ts';
import { keptEventRoutes } from './kept-event-routes.ts';
import type { LogHub } from './log-hub.ts';
import { logPath } from './log-file.ts';
import { logRoute } from './log-stream.ts';
import type { Operations, Target } from './operations.ts';
import type { Operator } from './operator.ts';
import type { RunningApp } from './running-app.ts';
import { isSettled } from './settled.ts';
import { streamRoute } from './stream-route.ts';
import { untilAborted } from './until-aborted.ts';

export interface AdminNeeds {
  readonly app: RunningApp;
  readonly operations: Operations;
  readonly operator: Operator;
  readonly hub: LogHub;
  readonly clock: Clock;
  readonly stopApp: (reason: string) => void;
}

const storeMs = 5_000;
/** To read or copy all of a store takes as long as it takes. */
const longStoreMs = 3_600_000;

const answer = (run: (request: AdminRequest) => unknown): AdminRoute => ({ kind: 'answer', run });

const targetView = ({ service, slots }: Target): object => ({ service, instances: slots.map(slotId) });

/** Resolves when all that will be ready is, or after `waitMs`. */
async function untilSettled({ app, clock }: AdminNeeds, request: AdminRequest): Promise<object> {
  const waitMs = Math.min(600_000, queryNumber(request.query, 'waitMs'));
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const limit = clock.after(waitMs, () => {
    resolve(undefined);
  });
  const end = app.onEvent(() => {
    if (isSettled(app.status())) resolve(undefined);
  });
  if (isSettled(app.status())) resolve(undefined);
  await Promise.race([promise, untilAborted(request.signal)]);
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
      logMemory: hub.memory,
      ...(app.plan.app.logs?.file !== undefined && {
        logFile: logPath(app.plan.appFile, app.plan.app.logs.file),
      }),
    })),
    'GET /status': answer(() => app.status()),
    'GET /settled': answer((request) => untilSettled(needs, request)),
    'GET /manifest': answer(() => app.plan.manifest),
    'GET /events': answer((request) => eventPage(app, needs.clock, request)),
    'GET /logs': logRoute(hub),
    'POST /start': answer((request) => targetView(operations.start(bodyText(request, 'target')))),
    // `after`: from there on the events tell how a rolling restart fares.
    'POST /restart': answer((request) => {
      const after = app.events.last;
      const isRolling = request.body['rolling'] === true;
      return { ...targetView(operations.restart(bodyText(request, 'target'), isRolling)), after };
    }),
    'POST /stop': answer((request) => {
      if (request.body['target'] !== undefined)
        return targetView(operations.stop(bodyText(request, 'target')));
      stopApp('tutti stop');
      return { stopping: app.plan.app.name };
    }),
    'POST /scale': answer((request) =>
      targetView(operations.scale(bodyText(request, 'service'), bodyNumber(request, 'replicas'))),
    ),
    'POST /call': answer(async (request) => {
      const options = {
        deadlineMs: bodyNumber(request, 'deadlineMs'),
        http: request.body['envelope'] === true,
        requestId: request.body['requestId'] === undefined ? undefined : bodyText(request, 'requestId'),
      };
      return {
        output: await operator.call(bodyText(request, 'action'), request.body['input'] ?? {}, options),
      };
    }),
    'GET /store': answer(() => operator.store('about', {}, storeMs)),
    'POST /store/verify': answer(() => operator.store('verify', {}, longStoreMs)),
    'POST /store/backup': answer((request) =>
      operator.store('backup', { to: bodyText(request, 'to') }, longStoreMs),
    ),
    ...keptEventRoutes(operator),
    ...jobRoutes({ app, operator }),
    'POST /stream': streamRoute(operator),
    'POST /emit': answer((request) => operator.emit(bodyText(request, 'event'), request.body['payload'])),
  };
}
