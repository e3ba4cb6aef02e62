/**
 * Makes the running app what its files say now: who is not touched keeps its process. First what can be refused (a port that is taken,
 * an app too large to be remembered), while all still runs; then who goes, the listeners, the plan, and who starts anew.
 */
import { TuttiError } from '../../../core/errors.ts';
import { slotId } from '../../../core/ids.ts';
import { hasProcess } from '../../../core/instance-state.ts';
import type { Clock } from '../../../core/ports.ts';
import {
  canInheritSockets,
  closeListeningSocket,
  openListeningSocket,
} from '../../../os/listening-socket.ts';
import { stoppedByHand } from '../overrides.ts';
import type { AppPlan } from '../plan.ts';
import { explainTaken } from '../port-taken.ts';
import type { RunningApp } from '../running-app.ts';
import type { PlanChanges } from './plan-changes.ts';

export interface Application {
  readonly app: RunningApp;
  readonly clock: Clock;
  readonly plan: AppPlan;
  readonly changes: PlanChanges;
  /** Services whose code is another. */
  readonly touched: readonly string[];
  /** For the events: which files made this of whom. */
  readonly reasonOf: (service: string) => string;
  /** For a successor. @throws {TuttiError} when the keeper refuses it. */
  readonly remember: () => Promise<void>;
}

/** Beyond what a stop takes at most in `tutti dev`. */
const goneMs = 10_000;

/** Gives those who start anew. @throws {TuttiError} when nothing was done. */
export async function applyChanges(application: Application): Promise<string[]> {
  const { app, plan, changes, touched, remember } = application;
  await tryListeners(app.plan, plan, changes);
  await remember();
  for (const name of changes.removed) app.rolls.undo(name, 'the service is gone');
  await stopAll([...changes.removed, ...changes.moved], application);
  await app.replaceListeners(plan);
  app.replacePlan(plan);
  // How they are called may be another, though nobody comes or goes.
  for (const one of plan.services.values()) app.registry.update(one, app.slots.of(one.name));
  for (const name of changes.removed) app.wanted.dropSurplus(name);
  const anew = [...new Set([...touched, ...changes.changed])].filter(
    (name) => plan.services.has(name) && !changes.added.includes(name) && !changes.moved.includes(name),
  );
  for (const name of [...anew, ...changes.moved]) note(name, application);
  for (const name of changes.scaled) noteScaled(name, app);
  for (const name of anew) restart(name, application);
  for (const name of plan.services.keys()) app.wanted.apply(name, 'resume');
  return [...anew, ...changes.moved, ...changes.added].filter((name) => !app.overrides.isStopped(name));
}

/** Bound and let go again: a place that cannot be had is an error while the old one still serves. */
async function tryListeners(before: AppPlan, after: AppPlan, changes: PlanChanges): Promise<void> {
  if (!canInheritSockets()) return;
  const ours = [...before.services.values()].map(({ listener }) => listener);
  for (const name of [...changes.moved, ...changes.added]) {
    const listener = after.services.get(name)?.listener;
    if (listener === undefined) continue;
    // Another gateway of ours may give it up in the same change.
    if (ours.some((own) => own?.host === listener.host && own.port === listener.port)) continue;
    const opened = await openListeningSocket(listener).catch((error: unknown) => {
      throw explainTaken(error, listener);
    });
    closeListeningSocket(opened.fd);
  }
}

async function stopAll(names: readonly string[], { app, clock, reasonOf }: Application): Promise<void> {
  const slots = names.flatMap((name) => app.slots.of(name));
  for (const slot of slots)
    app.slots.dispatch(slotId(slot), { type: 'stop', reason: `${reasonOf(slot.service)} changed` });
  const isGone = (): boolean => !names.some((name) => app.slots.of(name).some(hasProcess));
  if (isGone()) return;
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  const limit = clock.after(goneMs, () => {
    reject(new TuttiError('INTERNAL', { message: `${names.join(', ')} did not stop in time` }));
  });
  const end = app.onEvent(() => {
    if (isGone()) resolve(undefined);
  });
  try {
    await promise;
  } finally {
    limit.cancel();
    end();
  }
}

/** Also one that was given up: its code is another now, so nothing is known of it. Who was stopped by hand stays so. */
function restart(name: string, { app, reasonOf }: Application): void {
  if (app.overrides.isStopped(name)) return;
  for (const slot of app.slots.of(name))
    if (slot.reason !== stoppedByHand)
      app.slots.dispatch(slotId(slot), { type: 'restart', reason: `${reasonOf(name)} changed` });
}

function note(service: string, { app, reasonOf }: Application): void {
  app.events.note({ name: 'service:changed', service, reason: reasonOf(service) });
}

function noteScaled(service: string, { events, wanted }: RunningApp): void {
  const to = wanted.count(service);
  const reason = `to ${String(to)}, as the app file says`;
  events.note({ name: 'service:scaled', service, reason, evidence: { to } });
}
