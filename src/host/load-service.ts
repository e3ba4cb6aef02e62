/**
 * Imports the module of a service and makes ready what the host needs of it. Used by the instance program and the test kit.
 */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TuttiError } from '../core/errors.ts';
import { isSystemService } from '../core/ids.ts';
import { problemText } from '../core/options.ts';
import { asService, checkService } from '../define/check-service.ts';
import { locate } from '../define/locate-error.ts';
import type { ServiceManifest } from '../define/manifest.ts';
import { makeManifest } from '../define/manifest.ts';
import type { HostedDefinition } from './host.ts';

export interface LoadedService {
  readonly definition: HostedDefinition;
  readonly manifest: ServiceManifest;
}

const refused = (problems: readonly string[]): TuttiError =>
  new TuttiError('CONFIG_INVALID', { message: problems.join('\n'), lines: problems });

/** @throws {TuttiError} `INTERNAL` when the module cannot be imported; `CONFIG_INVALID` with every problem of what it exports. */
export async function loadService(module: string, name: string): Promise<LoadedService> {
  const shown = relative(process.cwd(), fileURLToPath(module));
  let exported: Readonly<Record<string, unknown>>;
  try {
    exported = (await import(module)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    throw new TuttiError('INTERNAL', { message: locate(error, shown) }, { cause: error });
  }
  // Ours are named exports, as everything here.
  const service = asService(
    isSystemService(name) ? exported[name.split(':')[0] ?? ''] : exported['default'],
    shown,
  );
  if (!('kind' in service)) throw refused([problemText(service)]);
  if (isSystemService(name)) return { definition: service, manifest: makeManifest(service).manifest };
  const problems = checkService(service);
  const { manifest, problems: described } =
    problems.length === 0 ? makeManifest(service) : { manifest: undefined, problems };
  if (manifest === undefined || described.length > 0)
    throw refused(described.map((problem) => `${shown} ${problemText(problem)}`));
  return { definition: service, manifest };
}

export { locate };
