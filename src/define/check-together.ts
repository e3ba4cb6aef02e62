/**
 * Finds what is wrong between the services of an app, by their manifests: needs that nobody meets, cycles, routes that clash, work that
 * nobody keeps, more instances than an app may have. Pure; used by the supervisor, `tutti check` and the test kit.
 */
import { bounds } from '../core/bounds.ts';
import { suggestion } from '../core/did-you-mean.ts';
import { findCycle } from '../core/graph.ts';
import type { Problem } from '../core/options.ts';
import { shown } from '../core/options.ts';
import type { AppInput } from './app.ts';
import { processesOf } from './app.ts';
import { checkTunings } from './check-calls.ts';
import { checkGatewayJobs } from './check-gateway-jobs.ts';
import { checkRoutes } from './check-gateways.ts';
import type { AppManifest, ServiceManifest } from './manifest.ts';
import { mostOf } from './replicas.ts';

function checkRemoteNames(service: ServiceManifest, names: readonly string[]): Problem[] {
  const missing = (list: readonly string[], key: string): Problem[] =>
    list
      .filter((name) => !names.includes(name))
      .map((name) => ({
        path: `services.${service.name}.${key}`,
        message: `no service of this app is named ${shown(name)}${suggestion(name, names)}`,
      }));
  return [...missing(service.needs, 'needs'), ...missing(service.mayCall, 'mayCall')];
}

/** One call at a time is what a pool promises; a stream or an event would be something beside it. */
function checkPooled(app: AppInput, services: readonly ServiceManifest[]): Problem[] {
  return services
    .filter(({ name }) => app.services[name]?.pool !== undefined)
    .flatMap(({ name, actions, events, queues = {} }) => [
      ...Object.entries(actions)
        .filter(([, { stream, channel }]) => stream !== undefined || channel !== undefined)
        .map(([action]) => ({
          path: `services.${name}.actions.${action}`,
          message:
            'a service in a pool takes plain calls only, and this is a stream or a channel: move it to a service without `pool`',
        })),
      ...Object.keys(events).map((event) => ({
        path: `services.${name}.events.${event}`,
        message:
          'a service in a pool takes plain calls only: subscribe in a service without `pool`, and call the pool from there',
      })),
      ...Object.keys(queues).map((queue) => ({
        path: `services.${name}.queues.${queue}`,
        message:
          'a service in a pool takes plain calls only: do the jobs in a service without `pool`, and call the pool from there',
      })),
    ]);
}

/** It is stored before `emit` or `jobs.add` goes on, so there must be a store. */
function checkDurableWork(app: AppInput, services: readonly ServiceManifest[]): Problem[] {
  if (app.store !== undefined) return [];
  const kept = 'kept in the store of the app, which has none: add `store: {}` to the app file';
  return services.flatMap(({ name, events, queues = {} }) => [
    ...Object.entries(events)
      .filter(([, { mode }]) => mode === 'durable')
      .map(([event]) => ({
        path: `services.${name}.events.${event}`,
        message: `a durable event is ${kept}`,
      })),
    ...Object.keys(queues).map((queue) => ({
      path: `services.${name}.queues.${queue}`,
      message: `jobs are ${kept}`,
    })),
  ]);
}

/** One service does the jobs of a queue, in as many processes as it has. */
function checkQueues(services: readonly ServiceManifest[]): Problem[] {
  const owners = new Map<string, string>();
  return services.flatMap(({ name, queues = {} }) =>
    Object.keys(queues).flatMap((queue) => {
      const path = `services.${name}.queues.${queue}`;
      const owner = owners.get(queue);
      owners.set(queue, owner ?? name);
      return owner === undefined
        ? []
        : [
            {
              path,
              message: `the jobs of this queue are done by ${owner} already: give one of them another queue`,
            },
          ];
    }),
  );
}

export function checkTogether(app: AppInput, manifest: AppManifest): Problem[] {
  const services = Object.values(manifest.services);
  const names = Object.keys(app.services);
  const problems = [
    ...services.flatMap((service) => checkRemoteNames(service, names)),
    ...checkRoutes(app, services),
    ...checkPooled(app, services),
    ...checkDurableWork(app, services),
    ...checkQueues(services),
    ...checkGatewayJobs(app, services),
    ...checkTunings(app, services),
  ];
  const cycle = findCycle(new Map(services.map((service) => [service.name, service.needs])));
  if (cycle)
    problems.push({
      path: 'services',
      message: `these need each other in a circle: ${cycle.join(' -> ')}. Use mayCall for one of them`,
    });
  const counts = [
    ...Object.values(app.services).map((entry) =>
      entry.pool === undefined ? mostOf(entry.replicas) : processesOf(entry),
    ),
    ...Object.values(app.gateways ?? {}).map(({ replicas = 1 }) => replicas),
  ];
  const wanted = counts.reduce((sum, count) => sum + count, 0);
  if (wanted > bounds.instances)
    problems.push({
      path: 'services',
      message: `${String(wanted)} instances are wanted, ${String(bounds.instances)} are allowed`,
    });
  return problems;
}
