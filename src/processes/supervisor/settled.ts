/** Whether the start of the app is over: everybody is ready, or has shown that it will not be soon. */
import type { AppStatus, ServiceStatus } from '../../core/status.ts';

/** Failing shows at once; who waits for one that fails would wait for ever. */
const isDown = ({ instances, wanted }: ServiceStatus): boolean =>
  wanted > 0 && instances.every(({ state }) => state === 'failed' || state === 'backoff');

export function isSettled({ services }: Pick<AppStatus, 'services'>): boolean {
  const someDown = services.some(isDown);
  return services.every(
    (service) =>
      service.ready >= service.wanted ||
      isDown(service) ||
      (someDown && service.instances.every(({ state }) => state === 'pending' || state === 'ready')),
  );
}

export const isAllReady = ({ services }: Pick<AppStatus, 'services'>): boolean =>
  services.every(({ ready, wanted }) => ready >= wanted);
