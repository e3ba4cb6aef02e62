/**
 * The path that a newcomer can try at once. Shown on the start screen, in the foreground and with `-d`.
 */
import type { AppManifest } from './manifest.ts';
import { servedManifest } from './served-services.ts';

/** Of the first GET route of the first gateway that needs nothing; undefined: there is none. */
export function routeToTry(manifest: AppManifest): string | undefined {
  const [gateway = ''] = Object.keys(manifest.gateways ?? {});
  const { services } = servedManifest(manifest, gateway);
  const actions = Object.values(services).flatMap((service) => Object.values(service.actions));
  const routes = actions.flatMap(({ http }) => (http === undefined ? [] : [http]));
  return routes.find(({ method, path }) => method === 'GET' && !path.includes(':') && path !== '/')?.path;
}
