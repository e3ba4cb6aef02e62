/**
 * Reads the manifests of an app's services by way of a throw-away process: no listeners, a time limit, killed after it.
 * Used by the supervisor at start and by `tutti check`.
 */
import { spawn } from 'node:child_process';
import { resolve, dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { bounds } from '../core/bounds.ts';
import { escapeControls } from '../core/log-line.ts';
import type { Problem } from '../core/options.ts';
import type { AppDefinition, AppInput } from './app.ts';
import { tuneService } from './tune-service.ts';
import { checkTogether } from './check-together.ts';
import type { AppManifest, ServiceManifest } from './manifest.ts';
import { inheritedEnvironment } from './read-env.ts';
import { gatewayManifests } from './served-services.ts';

export interface ServiceRequest {
  readonly path: string;
  readonly module: string;
  readonly config: unknown;
}

/** `appFile`: read that first, and tell of which files everything is made. */
export type ManifestRequest =
  { readonly services: Readonly<Record<string, ServiceRequest>> } | { readonly appFile: string };

export interface ReadModule {
  readonly app?: AppDefinition;
  readonly manifest?: ServiceManifest;
  readonly problems: readonly Problem[];
  /** Absolute paths of what it imports, its own first. */
  readonly files?: readonly string[];
}

/** Under which the app file answers: no service has an empty name. */
export const appKey = '';

export interface ManifestReading {
  readonly manifest: AppManifest;
  readonly problems: readonly Problem[];
}

const answerLimit = 16 * bounds.appMemoBytes;
const entry = fileURLToPath(new URL('./manifest-entry.js', import.meta.url));

export interface ReaderEnd {
  readonly answer: string;
  readonly errors: string;
  readonly how: string;
}

/** Collects at most `limit` characters; more means that something is wrong, and is left out. */
function collect(stream: Readable | null, limit: number): () => string {
  let text = '';
  stream?.setEncoding('utf8').on('data', (chunk: string) => {
    if (text.length < limit) text += chunk;
  });
  return () => text;
}

/** A module may have started a process of its own that holds our pipes open: they are not waited for longer than this. */
const pipesMs = 500;

export function runReader(request: ManifestRequest, cwd: string, limitMs: number): Promise<ReaderEnd> {
  return new Promise((done) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', entry], {
      cwd,
      env: inheritedEnvironment(),
      stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
    });
    const answer = collect(child.stdio[3] as Readable, answerLimit);
    const errors = collect(child.stderr, 16_384);
    let how = `it took longer than ${String(limitMs / 1000)} s; importing a service must not do work`;
    const limit = setTimeout(() => child.kill('SIGKILL'), limitMs);
    const end = (): void => {
      clearTimeout(limit);
      done({ answer: answer(), errors: errors(), how });
    };
    child.on('error', (error) => {
      how = error.message;
      end();
    });
    child.on('exit', (code, signal) => {
      // 13 is Node's word for a top-level await that nothing can end.
      if (code === 13) how = 'it awaits what never comes';
      else if (!child.killed) how = `it ended with ${signal ?? `code ${String(code)}`}`;
      const pipes = setTimeout(() => {
        for (const stream of child.stdio) stream?.destroy();
      }, pipesMs);
      child.on('close', () => {
        clearTimeout(pipes);
        end();
      });
    });
    // It may be gone before it has read what we ask: its end says so, this pipe need not.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(JSON.stringify(request));
  });
}

/** One line per module that was read; the last may have been cut. */
export function readAnswer(answer: string): Map<string, ReadModule> {
  const lines = answer.split('\n').slice(0, -1);
  return new Map(lines.map((line) => JSON.parse(line) as [string, ReadModule]));
}

/** Modules are read one after the other: the first that is missing is the one where it ended. */
export function unanswered(
  names: readonly string[],
  read: ReadonlyMap<string, ReadModule>,
  ended: ReaderEnd,
): Problem[] {
  const name = names.find((asked) => !read.has(asked));
  if (name === undefined) return [];
  const said = ended.errors.trim().split('\n').slice(-20).map(escapeControls).join('\n');
  const message = `could not be read: ${ended.how}${said === '' ? '' : `\n${said}`}`;
  return [{ path: `services.${name}.module`, message }];
}

/** @param appFile absolute path; modules are relative to it. */
export const serviceRequests = (app: AppInput, appFile: string): Record<string, ServiceRequest> =>
  Object.fromEntries(
    Object.entries(app.services).map(([name, { module, config }]) => [
      name,
      { path: resolve(dirname(appFile), module), module, config: config ?? {} },
    ]),
  );

export function manifestOf(app: AppInput, read: ReadonlyMap<string, ReadModule>): AppManifest {
  const manifests = [...read].flatMap(([name, { manifest }]) =>
    manifest === undefined ? [] : [[name, tuneService(manifest, app.services[name]?.calls)] as const],
  );
  return { app: app.name, services: Object.fromEntries(manifests), gateways: gatewayManifests(app) };
}

export async function readManifest(
  app: AppInput,
  appFile: string,
  limitMs: number = bounds.manifestMs,
): Promise<ManifestReading> {
  const services = serviceRequests(app, appFile);
  const ended = await runReader({ services }, dirname(appFile), limitMs);
  const read = readAnswer(ended.answer);
  const manifest = manifestOf(app, read);
  const found = [...read.values()].flatMap(({ problems }) => problems);
  return {
    manifest,
    problems: [...found, ...unanswered(Object.keys(services), read, ended), ...checkTogether(app, manifest)],
  };
}
