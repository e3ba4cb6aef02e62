/** A small mesh for tests: one key, one registry, instances and callers on one transport. No test of its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Certificate } from '../../src/core/certificate.ts';
import type { InstanceRef } from '../../src/core/ids.ts';
import type { ServiceTuning } from '../../src/core/tuning.ts';
import { makeCaller } from '../../src/mesh/mesh-caller.ts';
import type { Caller } from '../../src/mesh/caller.ts';
import type { MeshLog } from '../../src/mesh/mesh-log.ts';
import { RegistryView } from '../../src/mesh/registry-view.ts';
import type { Delivery, RegistryInstance } from '../../src/mesh/registry-view.ts';
import { makeResponder } from '../../src/mesh/responder.ts';
import type { Responder, ResponderAction, ResponderEvent } from '../../src/mesh/responder.ts';
import type { PlaceWatcher } from '../../src/mesh/place.ts';
import type { IncomingCall } from '../../src/mesh/served-call.ts';
import type { ServedStream } from '../../src/mesh/stream-of-call.ts';
import { memoryTransport } from '../../src/mesh/transport/memory.ts';
import type { Transport } from '../../src/mesh/transport/transport.ts';
import { unixTransport } from '../../src/mesh/transport/unix.ts';
import { systemClock } from '../../src/os/clock.ts';
import { generateKeys, issueCertificate, makeVerifier } from '../../src/os/identity.ts';

export const drivers: Readonly<Record<string, () => Transport>> = {
  unix: unixTransport,
  memory: memoryTransport,
};

export interface ServeOptions {
  readonly service?: string;
  readonly slot?: number;
  readonly epoch?: number;
  readonly actions?: Record<string, ResponderAction['invoke']>;
  /** Actions that are streams. */
  readonly streams?: Record<string, (input: unknown, stream: ServedStream, call: IncomingCall) => unknown>;
  /** Streams that are channels. */
  readonly channels?: ServeOptions['streams'];
  readonly silenceMs?: number;
  /** As a host makes them. */
  readonly hosted?: readonly ResponderAction[];
  readonly idempotent?: boolean;
  readonly concurrency?: number;
  readonly priority?: number;
  readonly events?: Record<string, ResponderEvent['deliver']>;
  readonly delivery?: Delivery;
  readonly isListed?: boolean;
  /** It is in a pool. */
  readonly pool?: PlaceWatcher;
  readonly callLimitMs?: number;
  readonly isSpare?: true;
  /** How the service is called. */
  readonly calls?: ServiceTuning;
}

export interface LogLine {
  readonly level: string;
  readonly sentence: string;
  readonly fields: Record<string, unknown>;
}

export class MeshWorld implements AsyncDisposable {
  readonly transport: Transport;
  readonly registry = new RegistryView();
  readonly keys = generateKeys();
  readonly verify = makeVerifier(this.keys.publicKey);
  readonly lines: LogLine[] = [];
  readonly directory = mkdtempSync(join(tmpdir(), 'tutti-'));
  readonly #instances: (RegistryInstance & { events: Record<string, Delivery> })[] = [];
  readonly #opened: { close(): Promise<void> }[] = [];
  readonly #pools = new Map<string, number>();
  readonly #tunings = new Map<string, ServiceTuning>();
  #revision = 0;

  constructor(transport: Transport = unixTransport()) {
    this.transport = transport;
  }

  readonly log: MeshLog = (level, sentence, fields) => {
    this.lines.push({ level, sentence, fields });
  };

  certificate(ref: InstanceRef, mayCall: readonly string[] = []): Certificate {
    return issueCertificate({ app: 'test', ...ref, mayCall, issuedAt: 0 }, this.keys.privateKey);
  }

  address(ref: { service: string; slot: number; epoch?: number }): string {
    return join(this.directory, `${ref.service}-${String(ref.slot)}`);
  }

  async serve(options: ServeOptions = {}): Promise<Responder> {
    const { service = 'users', slot = 1, epoch = 1, events = {} } = options;
    const self = { service, slot, epoch };
    const responder = await makeResponder({
      transport: this.transport,
      address: this.address(self),
      self,
      certificate: this.certificate(self),
      verify: this.verify,
      isCurrent: (claims) => claims.epoch >= this.registry.newestEpoch(claims.service, claims.slot),
      actions: [...plainActions(options), ...streamActions(options), ...(options.hosted ?? [])],
      events: Object.entries(events).map(([event, deliver]) => ({ event, deliver })),
      clock: systemClock,
      log: this.log,
      pool: options.pool,
    });
    this.#opened.push(responder);
    if (options.pool !== undefined) this.#pools.set(service, options.callLimitMs ?? 60_000);
    if (options.calls !== undefined) this.#tunings.set(service, options.calls);
    const delivery = options.delivery ?? 'balanced';
    const subscriptions = Object.fromEntries(Object.keys(events).map((event) => [event, delivery]));
    const spare = options.isSpare === undefined ? {} : { isSpare: options.isSpare };
    if (options.isListed ?? true)
      this.list({ ...self, ...spare, address: this.address(self) }, subscriptions);
    return responder;
  }

  caller(options: { service?: string; mayCall?: readonly string[]; transport?: Transport } = {}): Caller {
    const { service = 'orders', mayCall = ['users'] } = options;
    const caller = makeCaller({
      transport: options.transport ?? this.transport,
      registry: this.registry,
      clock: systemClock,
      random: Math.random,
      certificate: this.certificate({ service, slot: 1, epoch: 1 }, mayCall),
      verify: this.verify,
      log: this.log,
    });
    this.#opened.push(caller);
    return caller;
  }

  list(instance: RegistryInstance, events: Record<string, Delivery> = {}): void {
    this.unlist(instance);
    this.#instances.push({ ...instance, events });
    this.#publish();
  }

  unlist(instance: { service: string; slot: number }): void {
    const at = this.#instances.findIndex(
      (other) => other.service === instance.service && other.slot === instance.slot,
    );
    if (at < 0) return;
    this.#instances.splice(at, 1);
    this.#publish();
  }

  /** From now on. */
  tune(service: string, calls: ServiceTuning): void {
    this.#tunings.set(service, calls);
    this.#publish();
  }

  #callsOf(service: string): { calls?: ServiceTuning } {
    const calls = this.#tunings.get(service);
    return calls === undefined ? {} : { calls };
  }

  #poolOf(service: string): { pool?: { callLimitMs: number } } {
    const callLimitMs = this.#pools.get(service);
    return callLimitMs === undefined ? {} : { pool: { callLimitMs } };
  }

  #publish(): void {
    const services = Object.groupBy(this.#instances, (instance) => instance.service);
    this.registry.replace({
      revision: (this.#revision += 1),
      services: Object.fromEntries(
        Object.entries(services).map(([name, instances = []]) => [
          name,
          {
            instances,
            ...this.#poolOf(name),
            ...this.#callsOf(name),
            events: Object.assign({}, ...instances.map(({ events }) => events)) as Record<string, Delivery>,
          },
        ]),
      ),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#opened.map((opened) => opened.close()));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function plainActions(options: ServeOptions): ResponderAction[] {
  const { idempotent = false, concurrency = 100, priority } = options;
  return Object.entries(options.actions ?? {}).map(([name, invoke]) => ({
    ...{ name, invoke, hash: '', idempotent, concurrency, priority },
  }));
}

function streamActions(options: ServeOptions): ResponderAction[] {
  const { idempotent = false, concurrency = 100, silenceMs = Infinity } = options;
  const ways = [
    { runs: options.streams ?? {}, isChannel: false },
    { runs: options.channels ?? {}, isChannel: true },
  ];
  const all = ways.flatMap(({ runs, isChannel }) =>
    Object.entries(runs).map(([name, run]) => ({ name, run, isChannel })),
  );
  return all.map(({ name, run, isChannel }) => ({
    ...{ name, hash: '', idempotent, concurrency, silenceMs, isChannel, isResumable: isChannel },
    invoke: (input, call) => {
      if (call.stream === undefined) throw new Error('this is to be a stream');
      return run(input, call.stream, call);
    },
  }));
}

/** A promise to open from outside, for handlers that wait. */
export function gate(): { opened: Promise<void>; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  return {
    opened: promise,
    open: () => {
      resolve(undefined);
    },
  };
}

/** For a condition nobody announces; the test's own time limit ends it. */
export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 2));
}

export const hasCode =
  (code: string, data: Record<string, unknown> = {}) =>
  (error: unknown): boolean => {
    if (!(error instanceof Error) || (error as { code?: unknown }).code !== code) return false;
    const found = (error as unknown as { data: Record<string, unknown> }).data;
    return Object.entries(data).every(([key, value]) => found[key] === value);
  };
