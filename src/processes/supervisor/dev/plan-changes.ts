/**
 * What of the app is another after its file has changed: who comes, who goes, who must start anew. Pure.
 */
import type { AppPlan, ServicePlan } from '../plan.ts';

export interface PlanChanges {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Listen somewhere else: stopped before the new place is bound. */
  readonly moved: readonly string[];
  /** Were given at birth what is another now. */
  readonly changed: readonly string[];
  readonly scaled: readonly string[];
  /** Said once, read at the start of the app only. */
  readonly nextStart: readonly string[];
}

/** All that a process is told at birth and cannot be told later; a release with the same code is the same process. */
const birthText = ({ module, config, env, mayCall, events, health, pool }: ServicePlan): string =>
  JSON.stringify({ module, config, env, mayCall, events, health, pool });
const listenerText = ({ listener }: ServicePlan): string => JSON.stringify(listener ?? null);

export function planChanges(before: AppPlan, after: AppPlan): PlanChanges {
  const names = [...after.services.keys()];
  const differ = (textOf: (plan: ServicePlan) => string): string[] =>
    names.filter((name) => {
      const [old, fresh] = [before.services.get(name), after.services.get(name)];
      return old !== undefined && fresh !== undefined && textOf(old) !== textOf(fresh);
    });
  const isRenamed = before.app.name !== after.app.name;
  const moved = differ(listenerText);
  const stayed = names.filter((name) => before.services.has(name) && !moved.includes(name));
  // The name of the app is part of every certificate.
  const changed = isRenamed ? stayed : differ(birthText).filter((name) => !moved.includes(name));
  return {
    added: names.filter((name) => !before.services.has(name)),
    removed: [...before.services.keys()].filter((name) => !after.services.has(name)),
    moved,
    changed,
    scaled: differ(({ replicas, range }) => JSON.stringify(range ?? replicas)),
    nextStart: (['logLevel', 'logs'] as const).filter(
      (key) => JSON.stringify(before.app[key]) !== JSON.stringify(after.app[key]),
    ),
  };
}
