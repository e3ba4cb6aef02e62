/**
 * Reads the manifests of an app's services by way of a throw-away process: no listeners, a time limit, killed after it.
 * Used by the supervisor at start and by `tutti check`.
 */
import { spawn } from 'node:child_process';
import { resolve, dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { bounds } from '../core/bounds.ts';
import type { Problem } from '../core/options.ts';
import type { AppInput } from './app.ts';
import { checkTogether } from './check-app.ts';
import type { AppManifest, ServiceManifest } from './manifest.ts';

export interface ManifestRequest {
  readonly services: Readonly<Record<string, { readonly path: string; readonly module: string; readonly config: unknown }>>;
}
export interface ReadModule {
  readonly manifest?: ServiceManifest;
  readonly problems: readonly Problem[];
}

export interface ManifestReading {
  readonly manifest: AppManifest;
  readonly problems: readonly Problem[];
}

const answerLimit = 16 * bounds.appMemoBytes;
const entry = fileURLToPath(new URL('./manifest-entry.js', import.meta.url));

interface Ended {
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

function runReader(request: ManifestRequest, cwd: string): Promise<Ended> {
  return new Promise((done) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', entry], { cwd, stdio: ['pipe', 'ignore', 'pipe', 'pipe'] });
    const answer = collect(child.stdio[3] as Readable, answerLimit);
    const errors = collect(child.stderr, 16_384);
    let late = false;
    const limit = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, bounds.manifestMs);
    const end = (how: string): void => {
      clearTimeout(limit);
      done({ answer: answer(), errors: errors(), how });
    };
    child.on('error', (error) => { end(error.message); });
    child.on('close', (code, signal) => {
      end(late ? `it took longer than ${String(bounds.manifestMs / 1000)} s; importing a service must not do work` : `it ended with ${signal ?? `code ${String(code)}`}`);
    });
    // It may be gone before it has read what we ask: its end says so, this pipe need not.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(JSON.stringify(request));
  });
}

/** @param appFile absolute path; modules are relative to it. */
export async function readManifest(app: AppInput, appFile: string): Promise<ManifestReading> {
  const folder = dirname(appFile);
  const services = Object.fromEntries(
    Object.entries(app.services).map(([name, { module, config }]) => [name, { path: resolve(folder, module), module, config: config ?? {} }]),
  );
  const ended = await runReader({ services }, folder);
  let read: Record<string, ReadModule>;
  try {
    read = JSON.parse(ended.answer) as Record<string, ReadModule>;
  } catch {
    const said = ended.errors.trim();
    const message = `the service modules could not be read: ${ended.how}${said === '' ? '' : `\n${said}`}`;
    return { manifest: { app: app.name, services: {} }, problems: [{ path: 'services', message }] };
  }
  const manifests = Object.entries(read).flatMap(([name, { manifest }]) => (manifest === undefined ? [] : [[name, manifest] as const]));
  const manifest: AppManifest = { app: app.name, services: Object.fromEntries(manifests) };
  return { manifest, problems: [...Object.values(read).flatMap(({ problems }) => problems), ...checkTogether(app, manifest)] };
}
