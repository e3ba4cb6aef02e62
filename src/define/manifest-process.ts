/**
 * The throw-away process that imports every service module, so that no user code runs where the app is supervised.
 * Reads one JSON request from stdin, answers one JSON text on fd 3, and ends. What modules print goes to its stdout and stderr.
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
  const own = checkService(service).map((problem) => ({ ...problem, path: `${path} (${entry.module}) ${problem.path}` }));
  if (service.name !== name) own.push({ path, message: `the service in ${entry.module} is named "${service.name}"; the key must be the same` });
  if (own.length > 0) return { problems: own };
  const made = makeManifest(service);
  const described = made.problems.map((problem) => ({ ...problem, path: `${path} (${entry.module}) ${problem.path}` }));
  return { manifest: made.manifest, problems: [...described, ...(await checkConfig(service, entry.config, `${path}.config`))] };
}

const request = JSON.parse(await text(process.stdin)) as ManifestRequest;
const read = await Promise.all(Object.entries(request.services).map(async ([name, entry]) => [name, await readModule(name, entry)] as const));
const answer = Buffer.from(JSON.stringify(Object.fromEntries(read)));
for (let sent = 0; sent < answer.length; ) sent += writeSync(3, answer, sent);
// A module may have left a timer or a socket open: this process has said all it has to say.
process.exit(0);
