/**
 * What a person means by `users`, `users#2`, `public`: a service of the running app, or one of its instances.
 */
import { suggestion } from '../core/did-you-mean.ts';
import { TuttiError } from '../core/errors.ts';
import { displayName, gatewayService, parseTarget, slotId } from '../core/ids.ts';
import type { AppStatus, InstanceStatus, ServiceStatus } from '../core/status.ts';
import { usage } from './parse-option.ts';

export interface FoundTarget {
  readonly service: string;
  /** Only this instance of it. */
  readonly slot: string | undefined;
  /** As the admin API wants it. */
  readonly target: string;
}

/** @throws {TuttiError} `NOT_FOUND` with what was probably meant. */
export function findTarget(
  status: { readonly services: readonly Pick<ServiceStatus, 'name'>[] },
  text: string,
): FoundTarget {
  const parsed = parseTarget(text.replace(/^gateway /, 'gateway:'));
  if (parsed === undefined) throw usage(`${text} is neither a service (users) nor an instance (users#2)`);
  const names = status.services.map(({ name }) => name);
  const isOursNamed = (name: string): boolean => name.startsWith(`${parsed.service}:`);
  const service =
    [parsed.service, gatewayService(parsed.service)].find((name) => names.includes(name)) ??
    // `store`, `hook`: there is one of each.
    names.find((name) => isOursNamed(name) && !name.startsWith('gateway:'));
  if (service === undefined) {
    const shownNames = names.map((name) => name.replace(/^gateway:/, ''));
    const meant = suggestion(parsed.service, shownNames) || `; there are ${shownNames.join(', ')}`;
    throw new TuttiError('NOT_FOUND', { message: `There is no service ${parsed.service}${meant}` });
  }
  const slot = parsed.slot === undefined ? undefined : slotId({ service, slot: parsed.slot });
  return { service, slot, target: slot ?? service };
}

/** The instances of it, as they are now. @throws {TuttiError} `NOT_FOUND` when the one that was named is not there. */
export function instancesOf(status: Pick<AppStatus, 'services'>, found: FoundTarget): InstanceStatus[] {
  const { instances } = serviceOf(status, found.service);
  if (found.slot === undefined) return [...instances];
  const one = instances.filter(({ slot }) => slot === found.slot);
  if (one.length > 0) return one;
  const message = `There is no instance ${displayName(found.slot)}; ${displayName(found.service)} has ${String(instances.length)}`;
  throw new TuttiError('NOT_FOUND', { message });
}

export function serviceOf(status: Pick<AppStatus, 'services'>, name: string): ServiceStatus {
  const service = status.services.find((each) => each.name === name);
  if (service === undefined) throw new TuttiError('NOT_FOUND', { what: `The service ${name}` });
  return service;
}
