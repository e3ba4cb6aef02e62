/** A gateway over a real mesh in one process: one service of the user's, its manifest, and a raw HTTP client. No test of its own. */
import { connect } from 'node:net';
import { z } from 'zod';
import { bounds } from '../../../src/core/bounds.ts';
import { TuttiError } from '../../../src/core/errors.ts';
import type { AppStatus } from '../../../src/core/status.ts';
import type { Log } from '../../../src/define/handling.ts';
import { makeManifest } from '../../../src/define/manifest.ts';
import type { AppManifest } from '../../../src/define/manifest.ts';
import { servedActions } from '../../../src/host/actions.ts';
import { makeFail } from '../../../src/host/handling.ts';
import type { HandlerKit } from '../../../src/host/handling.ts';
import { ActionMetrics } from '../../../src/telemetry/action-metrics.ts';
import { inputIssues } from '../../../src/define/schema.ts';
import { defineService } from '../../../src/define/service.ts';
import type { ServiceDefinition } from '../../../src/define/service.ts';
import type { Responder, ResponderAction } from '../../../src/mesh/responder.ts';
import type { SystemRuntime } from '../../../src/mesh/runtime.ts';
import { memoryTransport } from '../../../src/mesh/transport/memory.ts';
import { systemClock } from '../../../src/os/clock.ts';
import { openGateway } from '../../../src/services/gateway/gateway.ts';
import type { GatewayConfig, GatewayParts } from '../../../src/services/gateway/gateway.ts';
import { streamLimits } from '../../../src/services/gateway/stream-answers.ts';
import { unreadLimits } from '../../../src/services/gateway/unread-answers.ts';
import type { UnreadLimits } from '../../../src/services/gateway/unread-answers.ts';
import type { StreamLimits } from '../../../src/services/gateway/stream-answers.ts';
import { httpLimits } from '../../../src/services/gateway/server.ts';
import type { HttpLimits } from '../../../src/services/gateway/server.ts';
import { MeshWorld } from '../../mesh/mesh-world.ts';

const id = z.object({ id: z.int().positive() });
const NewThing = z.strictObject({
  name: z.string().min(1),
  quantity: z.int().min(1).default(1),
  tags: z.array(z.string()).optional(),
});

/** What the tests call. */
export const things = defineService({
  name: 'things',
  version: '1.2.0',
  errors: { NAME_TAKEN: { http: 409, text: 'The name {name} is taken' } },
  actions: (action) => ({
    get: action({
      http: 'GET /things/:id',
      input: id,
      output: z.object({ id: z.int() }),
      summary: 'One thing',
      run: ({ input }) => input,
    }),
    list: action({
      http: 'GET /things',
      input: z.strictObject({
        limit: z.int().min(1).max(1_000).default(100),
        deep: z.boolean().optional(),
        tag: z.array(z.string()).optional(),
      }),
      run: ({ input }) => input,
    }),
    create: action({
      http: { route: 'POST /things', status: 201 },
      input: NewThing,
      run: ({ input }) => input,
    }),
    replace: action({
      http: 'PUT /things/:id',
      input: NewThing.extend({ id: z.int() }),
      run: ({ input }) => input,
    }),
    remove: action({ http: { route: 'DELETE /things/:id', status: 204 }, input: id, run: () => null }),
    reset: action({ http: { route: 'DELETE /things', status: 205 }, run: () => null }),
    find: action({
      http: { route: 'GET /find', bodyLimit: 64 },
      input: z.strictObject({ name: z.string() }),
      run: ({ input }) => input,
    }),
    say: action({ http: 'GET /say/:text', input: z.object({ text: z.string() }), run: ({ input }) => input }),
    large: action({ http: 'GET /large', run: () => ({ text: 'x'.repeat(8 * 2 ** 20) }) }),
    context: action({
      http: 'POST /context',
      run: (handling) => {
        const { requestId, caller, idempotencyKey, user, tenant, metadata } = handling;
        const identity = { user, tenant, metadata };
        return { requestId, caller, idempotencyKey, identity, remainingMs: handling.remainingMs() };
      },
    }),
    anything: action({
      http: { route: 'POST /anything', bodyLimit: 4_096 },
      input: z.record(z.string(), z.unknown()),
      run: ({ input }) => ({ names: Object.keys(input) }),
    }),
    taken: action({ http: 'GET /taken', run: ({ fail }) => fail('NAME_TAKEN', { name: 'this' }) }),
    bug: action({
      http: 'GET /bug',
      run: () => {
        throw new TypeError('SELECT secret FROM /etc/passwd');
      },
    }),
    wait: action({
      http: 'GET /wait',
      run: ({ signal }) =>
        new Promise<null>((resolve) => {
          signal.addEventListener('abort', () => {
            resolve(null);
          });
        }),
    }),
  }),
});

/** As the host does it, without what these tests do not look at. */
function invoker(definition: ServiceDefinition, name: string): ResponderAction['invoke'] {
  const action = definition.actions[name];
  return async (given, call) => {
    const checked = await action?.input?.['~standard'].validate(given);
    if (checked?.issues !== undefined)
      throw new TuttiError('INVALID_INPUT', { issues: inputIssues(checked.issues) });
    const run = action?.run as ((handling: object) => unknown) | undefined;
    return run?.({
      input: checked?.value,
      fail: (code: string, data: Record<string, unknown>) => {
        const row = definition.errors[code];
        throw new TuttiError(code, data, row === undefined ? {} : { row });
      },
      get signal() {
        return call.signal;
      },
      ...call.context,
      caller: call.context.caller,
      idempotencyKey: call.idempotencyKey,
      remainingMs: () => call.context.deadline - systemClock.now(),
    });
  };
}

export interface LogLine {
  readonly level: string;
  readonly sentence: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface WorldOptions {
  readonly config?: Partial<GatewayConfig>;
  readonly limits?: Partial<HttpLimits>;
  readonly streams?: Partial<StreamLimits>;
  readonly unread?: Partial<UnreadLimits>;
  /** False: nobody of the service is there. */
  readonly isServed?: boolean;
}

export class GatewayWorld implements AsyncDisposable {
  readonly mesh = new MeshWorld(memoryTransport());
  readonly lines: LogLine[] = [];
  status: AppStatus | undefined;
  manifest: AppManifest = { app: 'shop', services: { things: makeManifest(things).manifest } };
  #gateway: GatewayParts | undefined;
  readonly #listeners = new Set<() => void>();

  static async start({
    config,
    limits,
    streams,
    unread,
    isServed = true,
  }: WorldOptions = {}): Promise<GatewayWorld> {
    const world = new GatewayWorld();
    if (isServed) await world.serve();
    const full = {
      app: 'shop',
      name: 'public',
      host: '127.0.0.1',
      port: 0,
      exposed: false,
      bodyLimit: bounds.httpBodyBytes,
      maxConnections: bounds.httpConnections,
      deadline: 5_000,
      ...config,
    };
    world.#gateway = await openGateway({
      config: full,
      runtime: world.#runtime(),
      log: world.#log(),
      limits: { ...httpLimits, ...limits },
      streams: { ...streamLimits, ...streams },
      unread: { ...unreadLimits, ...unread },
    });
    return world;
  }

  serve(slot = 1): Promise<Responder> {
    const names = Object.keys(things.actions);
    return this.mesh.serve({
      service: 'things',
      slot,
      actions: Object.fromEntries(names.map((name) => [name, invoker(things, name)])),
    });
  }

  /** Beside `things`, as its host would. */
  serveToo(definition: ServiceDefinition): Promise<Responder> {
    const { manifest } = makeManifest(definition);
    this.changeManifest({
      ...this.manifest,
      services: { ...this.manifest.services, [manifest.name]: manifest },
    });
    const metrics = new ActionMetrics({ service: manifest.name, instance: `${manifest.name}#1` });
    const kit = { ...{ parts: {}, calls: {}, clock: systemClock }, fail: makeFail(definition.errors) };
    const log = this.#log();
    return this.mesh.serve({
      service: manifest.name,
      hosted: servedActions({ definition, manifest, kit: kit as unknown as HandlerKit, metrics, log }),
    });
  }

  get gateway(): GatewayParts {
    if (this.#gateway === undefined) throw new Error('the gateway did not start');
    return this.#gateway;
  }

  changeManifest(manifest: AppManifest): void {
    this.manifest = manifest;
    for (const listener of this.#listeners) listener();
  }

  #runtime(): SystemRuntime {
    const instance = 'gateway:public#1';
    return {
      app: 'shop',
      instance,
      caller: this.mesh.caller({ service: 'gateway:public', mayCall: ['*'] }),
      registry: this.mesh.registry,
      ...{ clock: systemClock, random: Math.random },
      manifest: () => this.manifest,
      onManifest: (changed) => {
        this.#listeners.add(changed);
        return () => this.#listeners.delete(changed);
      },
      status: () => this.status,
      tellUnheard: () => undefined,
      nextEvents: () => new Promise(() => undefined),
      collectMetrics: () =>
        Promise.resolve([{ instance, service: 'gateway:public', metrics: this.gateway.metrics() }]),
      accepts: { areLeft: true, watch: () => undefined },
      listen: { host: '127.0.0.1', port: 0 },
    };
  }

  #log(): Log {
    const say =
      (level: string) =>
      (sentence: string, fields: Readonly<Record<string, unknown>> = {}): void => {
        this.lines.push({ level, sentence, fields });
      };
    return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
  }

  fetch(path: string, init?: RequestInit): Promise<Response> {
    return fetch(this.gateway.url + path, init);
  }

  post(
    path: string,
    body: string | Uint8Array<ArrayBuffer>,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    return this.fetch(path, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers },
    });
  }

  /** Exactly these bytes; resolves with all that came when the connection is closed. */
  raw(bytes: string | Buffer): Promise<string> {
    return new Promise((resolve) => {
      const socket = connect(this.gateway.port, '127.0.0.1');
      const chunks: Buffer[] = [];
      socket.on('data', (chunk) => chunks.push(chunk));
      // A connection cut while we still write: what was answered counts.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        resolve(Buffer.concat(chunks).toString('latin1'));
      });
      socket.write(bytes);
    });
  }

  /** A request whose answer ends the connection. */
  request(line: string, headers: readonly string[] = [], body = ''): Promise<string> {
    return this.raw(
      `${line}\r\nHost: localhost\r\nConnection: close\r\n${headers.map((header) => `${header}\r\n`).join('')}\r\n${body}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#gateway?.close();
    await this.mesh[Symbol.asyncDispose]();
  }
}

export const statusIn = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);

export async function problemOf(response: Response): Promise<{
  status: number;
  code: string;
  detail: string;
  requestId: string;
  errors?: { path: string; message: string }[];
}> {
  return (await response.json()) as Awaited<ReturnType<typeof problemOf>>;
}
