/** Hosts over the memory transport, for tests: a service, who calls it, and what was logged. No test of its own. */
import { z } from 'zod';
import type { Shared } from '../../src/define/handling.ts';
import { makeManifest } from '../../src/define/manifest.ts';
import type { ServiceDefinition } from '../../src/define/service.ts';
import { startHost } from '../../src/host/host.ts';
import type { Host } from '../../src/host/host.ts';
import type { Caller } from '../../src/mesh/caller.ts';
import { memoryTransport } from '../../src/mesh/transport/memory.ts';
import type { Transport } from '../../src/mesh/transport/transport.ts';
import { systemClock } from '../../src/os/clock.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import { MeshWorld } from '../mesh/mesh-world.ts';

const shared: Shared = {
  counter: () => ({ add: () => undefined, value: 0 }),
  lock: () => Promise.reject(new Error('there are no locks here')),
  gauge: () => ({ set: () => undefined, value: 0 }),
};

export interface Said {
  readonly level: string;
  readonly sentence: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

interface HostOptions {
  readonly slot?: number;
  readonly config?: unknown;
  readonly transport?: Transport;
}

export class HostWorld implements AsyncDisposable {
  readonly mesh = new MeshWorld(memoryTransport());
  readonly said: Said[] = [];
  readonly #hosts: Host[] = [];

  readonly #log: Logger = {
    debug: (sentence, fields = {}) => this.said.push({ level: 'debug', sentence, fields }),
    info: (sentence, fields = {}) => this.said.push({ level: 'info', sentence, fields }),
    warn: (sentence, fields = {}) => this.said.push({ level: 'warn', sentence, fields }),
    error: (sentence, fields = {}) => this.said.push({ level: 'error', sentence, fields }),
  };

  async host(
    definition: ServiceDefinition,
    { slot = 1, config, transport = this.mesh.transport }: HostOptions = {},
  ): Promise<Host> {
    const { manifest } = makeManifest(definition);
    const self = { service: definition.name, slot, epoch: 1 };
    const mayCall = [...manifest.needs, ...manifest.mayCall];
    const address = this.mesh.address(self);
    const host = await startHost({
      ...{ definition, manifest, config, self, shared, transport, address },
      claims: { app: 'test', ...self, mayCall, issuedAt: 0 },
      certificate: this.mesh.certificate(self, mayCall),
      verify: this.mesh.verify,
      registry: this.mesh.registry,
      extend: () => undefined,
      log: this.#log,
      clock: systemClock,
      random: Math.random,
    });
    this.#hosts.push(host);
    const events = Object.entries(manifest.events).map(([event, { mode }]) => [event, mode] as const);
    this.mesh.list({ ...self, address }, Object.fromEntries(events));
    return host;
  }

  /** Somebody who may call every service. */
  caller(): Caller {
    return this.mesh.caller({ service: 'operator', mayCall: ['*'] });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.close()));
    await this.mesh[Symbol.asyncDispose]();
  }
}

export const anId = z.object({ id: z.int().positive() });
