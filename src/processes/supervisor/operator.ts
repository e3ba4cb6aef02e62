/**
 * Calls and events from the shell go through the supervisor as the operator: the one exception to its carrying no requests.
 * Bounded: few at a time, each with a deadline.
 */
import { TuttiError } from '../../core/errors.ts';
import { storeService } from '../../core/ids.ts';
import type { Clock, Random } from '../../core/ports.ts';
import { suggestion } from '../../core/did-you-mean.ts';
import type { StreamLine } from '../../core/stream-line.ts';
import type { Caller } from '../../mesh/caller.ts';
import { makeCaller } from '../../mesh/mesh-caller.ts';
import type { CallOptions } from '../../mesh/outgoing-call.ts';
import { RegistryView } from '../../mesh/registry-view.ts';
import { makeStoreClient } from '../../mesh/store-client.ts';
import type { StoreClient } from '../../mesh/store-client.ts';
import { unixTransport } from '../../mesh/transport/unix.ts';
import { issueCertificate, makeVerifier } from '../../os/identity.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { RunningApp } from './running-app.ts';

export interface OperatorNeeds {
  readonly app: RunningApp;
  readonly keys: { readonly publicKey: string; readonly privateKey: string };
  readonly generation: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

interface OperatorCall {
  readonly deadlineMs: number | undefined;
  readonly requestId: string | undefined;
}

const mostCalls = 64;
/** Shorter than a command waits for its answer. */
const storeMs = 8_000;

const askOf = ({ deadlineMs, requestId }: OperatorCall): CallOptions => ({
  deadlineMs,
  ...(requestId === undefined ? {} : { context: { requestId } }),
});

export class Operator {
  readonly #needs: OperatorNeeds;
  readonly #registry = new RegistryView();
  #caller: Caller | undefined;
  #storeClient: StoreClient | undefined;
  #running = 0;

  constructor(needs: OperatorNeeds) {
    this.#needs = needs;
  }

  call(name: string, input: unknown, options: OperatorCall & { readonly http: boolean }): Promise<unknown> {
    const { service, action } = this.#find(name);
    const ask = askOf(options);
    return this.#bounded(async (caller) => {
      if (!options.http) return caller.call(service, action, input, ask);
      return JSON.parse((await caller.callForHttp(service, action, input, ask)).toString()) as unknown;
    });
  }

  async *stream(
    name: string,
    input: unknown,
    options: OperatorCall & { readonly items: Iterable<unknown> | undefined; readonly signal: AbortSignal },
  ): AsyncGenerator<StreamLine> {
    const { service, action } = this.#find(name);
    const { items, signal } = options;
    using caller = this.#take();
    const stream = caller.of.stream(service, action, input, { ...askOf(options), items, signal });
    for await (const item of stream) yield { item };
    yield { output: await stream.result };
  }

  /** @throws {TuttiError} `NOT_FOUND` when this app has none. */
  store(action: string, input: object, deadlineMs: number): Promise<unknown> {
    this.#needStore();
    return this.#bounded((caller) => caller.call(storeService, action, input, { deadlineMs }));
  }

  /** Asks until the store answers, whoever owns it meanwhile; a change is made once. @throws {TuttiError} as `store` */
  storeClient(): StoreClient {
    this.#needStore();
    const { clock, random } = this.#needs;
    // One for all: what it numbers is told from what others number.
    return (this.#storeClient ??= makeStoreClient({
      ...{ clock, random, withinMs: storeMs },
      call: (action, ask, { deadlineMs }) => this.store(action, ask, deadlineMs),
    }));
  }

  emit(event: string, payload: unknown): Promise<{ delivered: number }> {
    return this.#bounded((caller) => caller.emit(event, payload));
  }

  async close(): Promise<void> {
    await this.#caller?.close();
  }

  #needStore(): void {
    if (this.#needs.app.plan.app.store !== undefined) return;
    throw new TuttiError('NOT_FOUND', {
      message: 'This app has no store. One that keeps durable work has `store: {}` in its app file',
    });
  }

  #find(name: string): { service: string; action: string } {
    const { services } = this.#needs.app.plan.manifest;
    const known = Object.values(services).flatMap((service) =>
      Object.keys(service.actions).map((action) => `${service.name}.${action}`),
    );
    const [service = '', action = ''] = name.split('.');
    if (known.includes(name)) return { service, action };
    throw new TuttiError('UNKNOWN_ACTION', {
      message: `There is no action ${name}${suggestion(name, known)}`,
    });
  }

  async #bounded<T>(run: (caller: Caller) => Promise<T>): Promise<T> {
    using caller = this.#take();
    return await run(caller.of);
  }

  /** For one call or stream, until it is disposed of. @throws {TuttiError} `OVERLOADED` */
  #take(): Disposable & { readonly of: Caller } {
    if (this.#running >= mostCalls) throw new TuttiError('OVERLOADED', { what: 'The operator' });
    this.#running += 1;
    // The supervisor's own copy of what it publishes, brought up to date for each call.
    this.#registry.replace(this.#needs.app.registry.snapshot());
    return {
      of: (this.#caller ??= this.#open()),
      [Symbol.dispose]: () => {
        this.#running -= 1;
      },
    };
  }

  #open(): Caller {
    const { app, keys, generation, clock, random, log } = this.#needs;
    const claims = {
      app: app.plan.app.name,
      service: 'operator:cli',
      slot: 1,
      epoch: generation,
      mayCall: ['*'],
      issuedAt: clock.wall(),
    };
    return makeCaller({
      ...{ clock, random, registry: this.#registry, transport: unixTransport() },
      certificate: issueCertificate(claims, keys.privateKey),
      verify: makeVerifier(keys.publicKey),
      log: (level, sentence, fields) => {
        log[level](sentence, fields);
      },
    });
  }
}
