/** Finds what is wrong with the queues that a gateway shows: in the app file alone, and together with the services. */
import { suggestion } from '../core/did-you-mean.ts';
import type { Problem } from '../core/options.ts';
import { shown } from '../core/options.ts';
import type { AppInput } from './app.ts';
import type { ServiceManifest } from './manifest.ts';

export function checkJobsList(jobs: unknown, path: string): Problem[] {
  if (jobs === undefined) return [];
  if (!Array.isArray(jobs)) return [{ path, message: `expected a list of queues, got ${shown(jobs)}` }];
  const list: readonly unknown[] = jobs;
  return list.flatMap((queue, at) => {
    if (typeof queue !== 'string')
      return [
        { path: `${path}.${String(at)}`, message: `expected the name of a queue, got ${shown(queue)}` },
      ];
    const isRepeated = list.indexOf(queue) !== at;
    return isRepeated ? [{ path: `${path}.${String(at)}`, message: `${shown(queue)} is named twice` }] : [];
  });
}

export const checkGatewayJobs = (app: AppInput, services: readonly ServiceManifest[]): Problem[] =>
  Object.entries(app.gateways ?? {}).flatMap(([gateway, { jobs = [] }]) => [
    ...unknownQueues(gateway, jobs, services),
    ...jobs.flatMap((queue) => takenRoutes(gateway, queue, services)),
  ]);

/** A queue without a worker has no schema that a job could be held against. */
function unknownQueues(
  gateway: string,
  jobs: readonly string[],
  services: readonly ServiceManifest[],
): Problem[] {
  const known = services.flatMap(({ queues = {} }) => Object.keys(queues));
  return jobs
    .filter((queue) => !known.includes(queue))
    .map((queue) => ({
      path: `gateways.${gateway}.jobs`,
      message: `no service of this app does the jobs of a queue ${shown(queue)}${suggestion(queue, known)}`,
    }));
}

/** Where the jobs of a queue are nothing else can be. */
function takenRoutes(gateway: string, queue: string, services: readonly ServiceManifest[]): Problem[] {
  const place = `/jobs/${queue}`;
  return services.flatMap(({ name, actions }) =>
    Object.entries(actions)
      .filter(([, { http }]) => http !== undefined && `${http.path}/`.startsWith(`${place}/`))
      .map(([action, { http }]) => ({
        path: `services.${name}.actions.${action}.http`,
        message: `${http?.path ?? ''} is where the gateway ${gateway} shows the queue ${queue}: take another path`,
      })),
  );
}
