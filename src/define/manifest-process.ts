/**
 * The throw-away process that imports every service module, so that no user code runs where the app is supervised.
 * Reads one JSON request from stdin, answers one line of JSON per module on fd 3, and ends. One module after the other: the first
 * without an answer is the one that never came to an end. What modules print goes to its stdout and stderr.
 */
import { writeSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import type { Problem } from '../core/options.ts';
import { asService, checkConfig, checkService } from './check-service.ts';
import { locate } from './locate-error.ts';
import { makeManifest } from './manifest.ts';
import type { ManifestRequest, ReadModule } from './read-manifest.ts';

interface Found {
  readonly path: string;
  readonly module: string;
  readonly config: unknown;
}

async function readModule(name: string, entry: Found): Promise<ReadModule> {
  const path = `services.${name}`;
  const failed = (problem: Problem): ReadModule => ({ problems: [problem] });
  let exported: { default?: unknown };
  try {
    exported = (await import(pathToFileURL(entry.path).href)) as { default?: unknown };
  } catch (error) {
    return failed({ path: `${path}.module`, message: locate(error, entry.module) });
  }
  const service = asService(exported.default, `${path}.module`);
  if (!('kind' in service)) return failed(service);
  const within = (problem: Problem): Problem => ({
    ...problem,
    path: `${path} (${entry.module}) ${problem.path}`,
  });
  const own = checkService(service).map(within);
  if (service.name !== name)
    own.push({
      path,
      message: `the service in ${entry.module} is named "${service.name}"; the key must be the same`,
    });
  const config = await checkConfig(service, entry.config, `${path}.config`);
  if (own.length > 0) return { problems: [...own, ...config] };
  const { manifest, problems } = makeManifest(service);
  return { manifest, problems: [...problems.map(within), ...config] };
}

const request = JSON.parse(await text(process.stdin)) as ManifestRequest;
for (const [name, entry] of Object.entries(request.services)) {
  const line = Buffer.from(`${JSON.stringify([name, await readModule(name, entry)])}\n`);
  for (let sent = 0; sent < line.length;) sent += writeSync(3, line, sent);
}
// A module may have left a timer or a socket open: this process has said all it has to say.
process.exit(0);
