/**
 * Loads the `hooks` module of a gateway, which may also just set something up, such as tracing. Used at its start.
 * Refuses a module whose exports are none of ours: a name with a typo would never be called.
 */
import { pathToFileURL } from 'node:url';
import { TuttiError } from '../../core/errors.ts';
import type { Authenticate } from '../../define/gateway-hooks.ts';
import type { OnError } from './refuser.ts';

export interface Hooks {
  readonly onError?: OnError;
  readonly authenticate?: Authenticate;
}

/** @throws {TuttiError} `CONFIG_INVALID` */
export async function loadHooks(path: string | undefined): Promise<Hooks> {
  if (path === undefined) return {};
  const exported = (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  const names = Object.keys(exported);
  const known = names.filter((name) => name === 'onError' || name === 'authenticate');
  const isFit = known.length > 0 || names.length === 0;
  if (isFit && known.every((name) => typeof exported[name] === 'function')) return exported;
  throw new TuttiError('CONFIG_INVALID', {
    message: `The hooks of a gateway export functions \`onError(problem, request)\` and \`authenticate(request)\`; ${path} exports ${names.join(', ')}`,
  });
}
