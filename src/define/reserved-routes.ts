/**
 * The paths that every gateway serves itself. An action cannot have them, nor one that would be found before them:
 * the check of the app says so. `/` is not among them: an action that has it wins.
 */
export const reservedRoutes = [
  '/health',
  '/health/liveness',
  '/health/readiness',
  '/services',
  '/services/:name/health',
  '/metrics',
  '/openapi.json',
  '/docs',
  '/docs/*',
] as const;

const isParameter = (segment: string): boolean => segment.startsWith(':');

/** A fixed word wins over a parameter, so `/:page` takes nothing from us, and `/services/users/health` would. */
function covers(reserved: string, path: string): boolean {
  if (reserved.endsWith('/*')) return path.startsWith(reserved.slice(0, -1));
  const segments = path.split('/');
  const ours = reserved.split('/');
  return (
    ours.length === segments.length &&
    ours.every((segment, at) => isParameter(segment) || segment === segments[at])
  );
}

export const isReservedRoute = (path: string): boolean =>
  reservedRoutes.some((reserved) => covers(reserved, path));
