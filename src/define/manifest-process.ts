/**
 * The throw-away process that imports every service module, so that no user code runs where the app is supervised.
 * Reads one JSON request from stdin, answers one line of JSON per module on fd 3, and ends. One module after the other: the first
 * without an answer is the one that never came to an end. What modules print goes to its stdout and stderr.
 * For `tutti dev` it reads the app file first, and tells which files each module is made of.
 */
import { writeSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { isTuttiError } from '../core/errors.ts';
import { gatewayService } from '../core/ids.ts';
import type { Problem } from '../core/options.ts';
import type { AppDefinition } from './app.ts';
import { asService, checkConfig, checkService } from './check-service.ts';
import { codeFrame } from './code-frame.ts';
import { loadApp } from './load-app.ts';
import { locate } from './locate-error.ts';
import { makeManifest } from './manifest.ts';
import { ModuleGraph } from './module-graph.ts';
import { appKey, serviceRequests } from './read-manifest.ts';
import type { ManifestRequest, ReadModule, ServiceRequest } from './read-manifest.ts';

const request = JSON.parse(await text(process.stdin)) as ManifestRequest;
const graph = 'appFile' in request ? new ModuleGraph() : undefined;

/** In `tutti dev` with the line it is about: one looks at the screen while one writes. */
function importProblem(error: unknown, module: string, path: string): Problem {
  const frame = graph === undefined ? undefined : codeFrame(error);
  const said = locate(error, module);
  return { path, message: frame === undefined ? said : `${said}\n${frame}` };
}

async function readModule(name: string, entry: ServiceRequest): Promise<ReadModule> {
  const path = `services.${name}`;
  const failed = (problem: Problem): ReadModule => ({ problems: [problem] });
  let exported: { default?: unknown };
  try {
    exported = (await import(pathToFileURL(entry.path).href)) as { default?: unknown };
  } catch (error) {
    return failed(importProblem(error, entry.module, `${path}.module`));
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

async function readApp(appFile: string): Promise<ReadModule> {
  try {
    return { app: await loadApp(appFile), problems: [] };
  } catch (error) {
    const thrown: unknown = await import(pathToFileURL(appFile).href).catch((reason: unknown) => reason);
    if (thrown instanceof Error && !isTuttiError(thrown, 'CONFIG_INVALID'))
      return { problems: [importProblem(thrown, relative(process.cwd(), appFile), '')] };
    const lines = isTuttiError(error) ? error.data['lines'] : undefined;
    const messages = Array.isArray(lines) ? lines.map(String) : [String(error)];
    return { problems: messages.map((message) => ({ path: '', message })) };
  }
}

/** What of a gateway is the user's; the gateway itself checks what it exports. */
async function readHooks(gateway: string, path: string, hooks: string): Promise<ReadModule> {
  try {
    await import(pathToFileURL(path).href);
    return { problems: [] };
  } catch (error) {
    return { problems: [importProblem(error, hooks, `gateways.${gateway}.hooks`)] };
  }
}

function tell(key: string, read: ReadModule, path: string): void {
  const files = graph === undefined ? {} : { files: graph.filesOf(path) };
  const line = Buffer.from(`${JSON.stringify([key, { ...read, ...files }])}\n`);
  for (let sent = 0; sent < line.length;) sent += writeSync(3, line, sent);
}

async function tellServices(services: Readonly<Record<string, ServiceRequest>>): Promise<void> {
  for (const [name, entry] of Object.entries(services)) tell(name, await readModule(name, entry), entry.path);
}

async function tellHooks({ gateways = {} }: AppDefinition, folder: string): Promise<void> {
  for (const [gateway, { hooks }] of Object.entries(gateways)) {
    if (hooks === undefined) continue;
    const path = resolve(folder, hooks);
    tell(gatewayService(gateway), await readHooks(gateway, path, hooks), path);
  }
}

if ('appFile' in request) {
  const read = await readApp(request.appFile);
  tell(appKey, read, request.appFile);
  if (read.app !== undefined) {
    await tellServices(serviceRequests(read.app, request.appFile));
    await tellHooks(read.app, dirname(request.appFile));
  }
} else await tellServices(request.services);
// A module may have left a timer or a socket open: this process has said all it has to say.
process.exit(0);
