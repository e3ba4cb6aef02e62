/**
 * The `runtime` that services of ours get: the caller, who is there, the manifest, and the supervisor's last word on the app.
 */
import { slotId } from '../../core/ids.ts';
import type { AppStatus } from '../../core/status.ts';
import type { AppManifest } from '../../define/manifest.ts';
import type { Caller } from '../../mesh/caller.ts';
import type { Birth, InstanceMessage, SupervisorMessage } from '../../mesh/control-protocol.ts';
import type { RegistryView } from '../../mesh/registry-view.ts';
import type { Accepts, EventBatch, SystemRuntime } from '../../mesh/runtime.ts';
import { systemClock } from '../../os/clock.ts';
import { instanceMetrics } from './collect-metrics.ts';

/** What the supervisor says to services of ours, remembered. */
export class SystemNews {
  #manifest: AppManifest;
  #status: AppStatus | undefined;
  readonly #listeners = new Set<() => void>();
  readonly #follow: (after: number | null) => void;
  /** What was asked for and is not answered yet. */
  #asked: (PromiseWithResolvers<EventBatch> & { readonly after: number | null }) | undefined;

  /** @param follow asks the supervisor, if there is one now. */
  constructor(app: string, follow: (after: number | null) => void) {
    this.#manifest = { app, services: {} };
    this.#follow = follow;
  }

  /** One at a time. A successor is asked again. */
  nextEvents(after: number | null): Promise<EventBatch> {
    this.#asked = { ...Promise.withResolvers<EventBatch>(), after };
    this.#follow(after);
    return this.#asked.promise;
  }

  get manifest(): AppManifest {
    return this.#manifest;
  }

  get status(): AppStatus | undefined {
    return this.#status;
  }

  hear(message: SupervisorMessage): void {
    if (message.op === 'status') this.#status = message.status;
    if (message.op === 'events') this.#answer(message);
    if (message.op === 'welcome' && this.#asked !== undefined) this.#follow(this.#asked.after);
    if ((message.op !== 'welcome' && message.op !== 'manifest') || message.manifest === undefined) return;
    this.#manifest = message.manifest;
    for (const listener of this.#listeners) listener();
  }

  #answer(batch: EventBatch): void {
    const asked = this.#asked;
    this.#asked = undefined;
    asked?.resolve(batch);
  }

  onManifest(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => {
      this.#listeners.delete(changed);
    };
  }
}

export interface RuntimeNeeds {
  readonly birth: Birth;
  readonly news: SystemNews;
  readonly registry: RegistryView;
  readonly caller: Caller;
  readonly accepts: Accepts;
  readonly send: (message: InstanceMessage) => void;
}

export function makeRuntime({ birth, news, registry, caller, accepts, send }: RuntimeNeeds): SystemRuntime {
  return {
    app: birth.app,
    instance: slotId(birth.self),
    caller,
    registry,
    accepts,
    clock: systemClock,
    random: Math.random,
    manifest: () => news.manifest,
    onManifest: (changed) => news.onManifest(changed),
    status: () => news.status,
    nextEvents: (after) => news.nextEvents(after),
    tellUnheard: (instance, job) => {
      send({ op: 'unheard', instance, job });
    },
    collectMetrics: (timeoutMs) => instanceMetrics({ registry, caller, timeoutMs }),
    listen: birth.listen ?? { host: '127.0.0.1', port: 0 },
  };
}
