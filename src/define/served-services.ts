/**
 * Which services a gateway serves the routes of: all, unless the app file names some. Read by the gateway itself, by the check for routes that clash,
 * and by the start screen. Pure.
 */
import type { AppInput } from './app.ts';
import type { AppManifest, GatewayManifest } from './manifest.ts';

/** For the manifest of the app. */
export const gatewayManifests = ({ gateways = {} }: AppInput): Record<string, GatewayManifest> =>
  Object.fromEntries(
    Object.entries(gateways).map(([name, { services }]) => [
      name,
      services === undefined ? {} : { services },
    ]),
  );

export const isServedBy = ({ services }: GatewayManifest, service: string): boolean =>
  services?.includes(service) ?? true;

/** The manifest as far as this gateway serves it. */
export function servedManifest(manifest: AppManifest, gateway: string): AppManifest {
  const entry = manifest.gateways?.[gateway];
  if (entry?.services === undefined) return manifest;
  const served = Object.entries(manifest.services).filter(([name]) => isServedBy(entry, name));
  return { ...manifest, services: Object.fromEntries(served) };
}
