/**
 * What comes of all that is said of calls to a service. What is said of one action goes before what is said of all of its service; where both
 * say it, the app file goes before the service's own code. Used where the app's manifest is made, and where callers are told.
 */
import { joinTunings } from '../core/tuning.ts';
import type { ServiceTuning } from '../core/tuning.ts';
import { callsOf } from './calls.ts';
import type { AppCallsInput } from './calls.ts';
import type { ActionManifest, ServiceManifest } from './manifest.ts';

/** As the app has it. @param said by the app file. */
export function tuneService(service: ServiceManifest, said: AppCallsInput = {}): ServiceManifest {
  const { actions: own, ...over } = said;
  const { outliers = service.calls?.outliers, ...common } = over;
  const { outliers: _compared, ...under } = service.calls ?? {};
  const usual = joinTunings([under, common]);
  const tune = (name: string, { calls, ...action }: ActionManifest): ActionManifest => {
    // As long as its items move: what is said of all is not meant for it.
    const { deadlineMs: _notOfStreams, ...ofStreams } = usual;
    const layers = [action.stream === undefined ? usual : ofStreams, calls, own?.[name]];
    return { ...action, ...callsOf(layers) };
  };
  const calls = { ...usual, ...(outliers === undefined ? {} : { outliers }) };
  return {
    ...service,
    ...(Object.keys(calls).length === 0 ? {} : { calls }),
    actions: Object.fromEntries(
      Object.entries(service.actions).map(([name, action]) => [name, tune(name, action)]),
    ),
  };
}

/** What callers are told of a service of the app's manifest; undefined: all is as everywhere. */
export function tuningOf(service: ServiceManifest | undefined): ServiceTuning | undefined {
  const tuned = Object.entries(service?.actions ?? {}).flatMap(([name, { calls }]) =>
    calls === undefined ? [] : [[name, calls] as const],
  );
  const outliers = service?.calls?.outliers === false ? { outliers: false as const } : {};
  if (tuned.length === 0 && service?.calls?.outliers !== false) return undefined;
  return { ...outliers, actions: Object.fromEntries(tuned) };
}
