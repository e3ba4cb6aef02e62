/**
 * The path that a newcomer can try at once. Shown on the start screen, in the foreground and with `-d`.
 */
import type { AppManifest } from './manifest.ts';

/** Of the first GET route that needs nothing; undefined: there is none. */
export function routeToTry(manifest: AppManifest): string | undefined {
  const actions = Object.values(manifest.services).flatMap((service) => Object.values(service.actions));
  const routes = actions.flatMap(({ http }) => (http === undefined ? [] : [http]));
  return routes.find(({ method, path }) => method === 'GET' && !path.includes(':') && path !== '/')?.path;
}
