/**
 * Names of instances: `users#1` is a slot, `users#1@3` the third process in it.
 * Everything said about an instance carries all three, so that what comes from an earlier process can be dropped.
 */

export interface InstanceRef {
  readonly service: string;
  /** From 1. */
  readonly slot: number;
  /** The n-th process in this slot, from 1. */
  readonly epoch: number;
}

const namePattern = /^[A-Za-z][A-Za-z0-9_-]{0,62}$/;

/** A name of a service, action, gateway or app: a letter, then letters, digits, `_`, `-`; at most 63. */
export const isName = (text: string): boolean => namePattern.test(text);

const plainObject = {};
/** A client answers to its actions as to methods: what every object has, or is asked for by `await` and JSON, cannot be one. */
export const isActionName = (text: string): boolean =>
  isName(text) && text !== 'then' && text !== 'toJSON' && !(text in plainObject);

/** Event names have words joined by dots: `user.created`. */
export const isEventName = (text: string): boolean =>
  text.length <= 127 && text.split('.').every((word) => namePattern.test(word));

export const slotId = (ref: { service: string; slot: number }): string =>
  `${ref.service}#${String(ref.slot)}`;

export const instanceId = (ref: InstanceRef): string => `${slotId(ref)}@${String(ref.epoch)}`;

/** `users` or `users#2`, as a person types it; undefined when it is neither. */
export function parseTarget(text: string): { service: string; slot?: number } | undefined {
  const [service = '', slotText, ...rest] = text.split('#');
  if (rest.length > 0 || service === '') return undefined;
  if (slotText === undefined) return { service };
  return /^[1-9]\d{0,5}$/.test(slotText) ? { service, slot: Number(slotText) } : undefined;
}

/** What ours are called: no user service can take such a name, since names have no colon. */
export const gatewayService = (gateway: string): string => `gateway:${gateway}`;
export const eventHookService = 'hook:events';
export const storeService = 'store:main';
export const isSystemService = (service: string): boolean => service.includes(':');
/** `gateway:public` is shown as `gateway public`. */
export const displayName = (service: string): string => service.replace(':', ' ');
