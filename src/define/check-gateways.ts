/** What gateways serve: that the services they name are there, and that no two routes of one gateway are the same. Pure; used by the check of the app. */
import { suggestion } from '../core/did-you-mean.ts';
import type { Problem } from '../core/options.ts';
import { shown } from '../core/options.ts';
import type { AppInput } from './app.ts';
import type { ServiceManifest } from './manifest.ts';
import { isReservedRoute } from './reserved-routes.ts';
import { gatewayManifests, isServedBy } from './served-services.ts';

/** @param names of the services of the app. */
export function checkServedServices(given: unknown, path: string, names: readonly string[]): Problem[] {
  if (given === undefined) return [];
  if (!Array.isArray(given))
    return [{ path, message: `expected a list of names of services, got ${shown(given)}` }];
  if (given.length === 0) return [{ path, message: 'expected at least one name of a service' }];
  return given.flatMap((name: unknown, at) => {
    if (typeof name === 'string' && names.includes(name)) return [];
    const meant = typeof name === 'string' ? suggestion(name, names) : '';
    const message = `no service of this app is named ${shown(name)}${meant}`;
    return [{ path: `${path}[${String(at)}]`, message }];
  });
}

/** An app without a gateway may get one: there any two meet. */
function meetingIn(app: AppInput): (one: string, other: string) => boolean {
  const gateways = Object.values(gatewayManifests(app));
  return (one, other) =>
    gateways.length === 0 || gateways.some((entry) => isServedBy(entry, one) && isServedBy(entry, other));
}

interface Taken {
  readonly service: string;
  readonly action: string;
}

export function checkRoutes(app: AppInput, services: readonly ServiceManifest[]): Problem[] {
  const meet = meetingIn(app);
  const taken = new Map<string, Taken[]>();
  const problems: Problem[] = [];
  for (const { name: service, actions } of services)
    for (const [action, { http }] of Object.entries(actions)) {
      if (http === undefined) continue;
      const path = `services.${service}.actions.${action}.http`;
      // Two routes that differ in the names of their parameters alone match the same requests.
      const shape = `${http.method} ${http.path.replaceAll(/:[^/]+/g, ':')}`;
      const same = taken.get(shape) ?? [];
      const other = same.find((one) => meet(one.service, service));
      if (other !== undefined) {
        const whose = `${other.service}.${other.action}`;
        problems.push({ path, message: `${http.method} ${http.path} is the route of ${whose} already` });
      }
      if (isReservedRoute(http.path))
        problems.push({ path, message: `${http.path} is served by the gateway itself` });
      taken.set(shape, [...same, { service, action }]);
    }
  return problems;
}
