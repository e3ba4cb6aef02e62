/**
 * The lines that move while an app starts and while it stops: one per service, with what it waits for. Pure text.
 */
import { displayName } from '../../core/ids.ts';
import { escapeControls } from '../../core/log-line.ts';
import type { Paint } from '../../core/paint.ts';
import type { AppStatus, InstanceStatus, ServiceStatus } from '../../core/status.ts';

const nameColumn = 20;
const longestWords = 90;

const line = (mark: string, { name }: ServiceStatus, words: string): string =>
  `  ${mark} ${displayName(name).padEnd(nameColumn)} ${words.slice(0, longestWords)}`.trimEnd();

export function startLines({ services }: AppStatus, mark: string, paint: Paint): string[] {
  return services.map((service) => {
    if (service.ready >= service.wanted) return line(paint('green', '✓'), service, paint('gray', 'ready'));
    const waiting = service.instances.find(({ state }) => state !== 'ready');
    const words =
      waiting?.state === 'pending' ? escapeControls(waiting.reason) : (waiting?.state ?? 'pending');
    return line(mark, service, paint('gray', words));
  });
}

const stillThere = ({ pid }: InstanceStatus): boolean => pid !== null;

/** In words: what keeps it, and nothing for who is gone. */
function keptBy(instances: readonly InstanceStatus[]): string {
  const inFlight = instances.reduce((sum, instance) => sum + instance.inFlight, 0);
  const state = instances[0]?.state ?? 'stopping';
  return inFlight === 0 ? state : `${state}, ${String(inFlight)} in flight`;
}

export function stopLines({ services }: AppStatus, mark: string, paint: Paint): string[] {
  return services
    .map((service) => ({ service, left: service.instances.filter(stillThere) }))
    .filter(({ left }) => left.length > 0)
    .map(({ service, left }) => line(mark, service, paint('gray', keptBy(left))));
}
