/** Whether the start of the app is over: everybody is ready, or has shown that it will not be soon. */
import type { AppStatus, ServiceStatus } from '../../core/status.ts';

/** Failing shows at once; who waits for one that fails would wait for ever. */
const isDown = ({ instances, wanted }: ServiceStatus): boolean =>
  wanted > 0 && instances.every(({ state }) => state === 'failed' || state === 'backoff');

/** For one of which nobody is wanted, or for one that waits so: for as long as nobody changes that. */
function waitsInVain({ services }: Pick<AppStatus, 'services'>): ReadonlySet<string> {
  const away = new Set(services.filter(({ wanted }) => wanted === 0).map(({ name }) => name));
  const waits = ({ instances }: ServiceStatus): boolean =>
    instances.some(
      ({ state, reason }) => state === 'pending' && [...away].some((name) => reason === `waits for ${name}`),
    );
  for (let before = -1; before < away.size;) {
    before = away.size;
    for (const service of services) if (waits(service)) away.add(service.name);
  }
  return away;
}

export function isSettled({ services }: Pick<AppStatus, 'services'>): boolean {
  const someDown = services.some(isDown);
  const inVain = waitsInVain({ services });
  return services.every(
    (service) =>
      service.ready >= service.wanted ||
      isDown(service) ||
      inVain.has(service.name) ||
      (someDown && service.instances.every(({ state }) => state === 'pending' || state === 'ready')),
  );
}

export const isAllReady = ({ services }: Pick<AppStatus, 'services'>): boolean =>
  services.every(({ ready, wanted }) => ready >= wanted);
