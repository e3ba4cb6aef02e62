/**
 * Finds what is wrong in what a service, an action or an app file says of calls. Pure; used by `checkService` and `checkApp`.
 */
import { suggestion } from '../core/did-you-mean.ts';
import type { Problem } from '../core/options.ts';
import { checkOptions, fillOptions, isPlainObject, shown, unknownKeys } from '../core/options.ts';
import type { AppInput } from './app.ts';
import { breakerOptions, callOptions, comparisonOptions } from './call-options.ts';
import type { ServiceManifest } from './manifest.ts';

/** Of an action; a stream has no `deadlineMs`: it takes as long as its items move. */
export const callKeys = ['deadlineMs', 'retries', 'breaker'];
export const streamCallKeys = ['retries', 'breaker'];
const serviceKeys = [...callKeys, ...Object.keys(comparisonOptions)];

function checkBreaker(breaker: unknown, path: string): Problem[] {
  if (breaker === undefined || breaker === false) return [];
  if (isPlainObject(breaker)) return checkOptions(breakerOptions, breaker, path);
  return [{ path, message: `expected an object, or false for none, got ${shown(breaker)}` }];
}

/** What of it is about calls; other keys are for others to check. */
export function checkCallFields(fields: Record<string, unknown>, path: string): Problem[] {
  const { deadlineMs, retries, breaker } = fields;
  return [
    ...checkOptions(callOptions, { deadlineMs, retries }, path),
    ...checkBreaker(breaker, `${path}.breaker`),
  ];
}

/** The word of the action itself, or of the app file on it. */
export const checkRepeatable = (retries: unknown, isIdempotent: boolean, path: string): Problem[] =>
  typeof retries !== 'number' || retries === 0 || isIdempotent
    ? []
    : [
        {
          path: `${path}.retries`,
          message:
            'a call that may have run is not made again: say `idempotent: true` in the action where twice does no harm, or leave `retries` out',
        },
      ];

function checkWith(calls: unknown, path: string, keys: readonly string[]): Problem[] {
  if (calls === undefined) return [];
  if (!isPlainObject(calls)) return [{ path, message: `expected an object, got ${shown(calls)}` }];
  const { outliers } = calls;
  return [
    ...unknownKeys(calls, keys, path),
    ...checkCallFields(calls, path),
    ...checkOptions(comparisonOptions, { outliers }, path),
  ];
}

export const checkServiceCalls = (calls: unknown, path: string): Problem[] =>
  checkWith(calls, path, serviceKeys);

export function checkAppCalls(calls: unknown, path: string): Problem[] {
  const problems = checkWith(calls, path, [...serviceKeys, 'actions']);
  const actions = isPlainObject(calls) ? calls['actions'] : undefined;
  if (actions === undefined) return problems;
  const where = `${path}.actions`;
  if (!isPlainObject(actions))
    return [...problems, { path: where, message: `expected an object of actions, got ${shown(actions)}` }];
  const ofActions = Object.entries(actions).map(([name, one]) =>
    checkWith(one ?? null, `${where}.${name}`, callKeys),
  );
  return [...problems, ...ofActions.flat()];
}

/** What the app file says of an action that there is not, or that cannot have it. */
function checkSaid(app: AppInput, { name, actions }: ServiceManifest): Problem[] {
  const path = `services.${name}.calls.actions`;
  return Object.entries(app.services[name]?.calls?.actions ?? {}).flatMap(([key, said]) => {
    const action = Object.hasOwn(actions, key) ? actions[key] : undefined;
    if (action === undefined)
      return [
        {
          path: `${path}.${key}`,
          message: `${name} has no action ${shown(key)}${suggestion(key, Object.keys(actions))}`,
        },
      ];
    const timed: Problem[] =
      action.stream === undefined || said.deadlineMs === undefined
        ? []
        : [
            {
              path: `${path}.${key}.deadlineMs`,
              message: 'a stream takes as long as its items move: its callers name a time where there is one',
            },
          ];
    return [...timed, ...checkRepeatable(said.retries, action.idempotent, `${path}.${key}`)];
  });
}

/** With all that anybody said of it: the numbers may come from different places. */
function checkProbes({ name, actions }: ServiceManifest): Problem[] {
  const problems = Object.entries(actions).flatMap(([key, { calls }]) => {
    const { breaker } = calls ?? {};
    if (breaker === undefined || breaker === false) return [];
    const { probeAfterMs, longestProbeAfterMs } = fillOptions(breakerOptions, breaker);
    if (probeAfterMs <= longestProbeAfterMs) return [];
    const longest = `longestProbeAfterMs (${String(longestProbeAfterMs)} ms)`;
    const message = `must not be longer than ${longest}, is ${String(probeAfterMs)} ms; raise that too`;
    return [{ path: `services.${name}.actions.${key}.breaker.probeAfterMs`, message }];
  });
  // What is said once, of a service, is told once.
  return [
    ...new Map(problems.toReversed().map((problem) => [problem.message, problem])).values(),
  ].toReversed();
}

/** Between app file and services. Wants the manifest of an app. */
export const checkTunings = (app: AppInput, services: readonly ServiceManifest[]): Problem[] =>
  services.flatMap((service) => [...checkSaid(app, service), ...checkProbes(service)]);
