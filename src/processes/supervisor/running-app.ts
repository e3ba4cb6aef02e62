/**
 * The app as it runs: slots, who may be called, who is connected, how all fare. Links the parts; the decisions are in core.
 * One transition goes: slots -> event log -> registry -> who may start now -> whoever listens.
 */
import { availableParallelism } from 'node:os';
import { bounds } from '../../core/bounds.ts';
import type { CertificateClaims } from '../../core/certificate.ts';
import { isSystemService, slotId } from '../../core/ids.ts';
import type { SlotCommand, SlotState } from '../../core/instance-state.ts';
import { hasProcess } from '../../core/instance-state.ts';
import type { Clock, Random, Timer } from '../../core/ports.ts';
import { decideStarts } from '../../core/start-order.ts';
import type { AppStatus } from '../../core/status.ts';
import { TuttiError } from '../../core/errors.ts';
import type { InstanceMessage } from '../../mesh/control-protocol.ts';
import { makeVerifier } from '../../os/identity.ts';
import { countersPath, statisticsPath } from '../../os/shared-memory-path.ts';
import { CounterDirectory, createCounters } from '../../os/shared-counters.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Hello } from './control-server.ts';
import { ControlServer } from './control-server.ts';
import type { TransitionEvent } from './event-log.ts';
import { EventLog } from './event-log.ts';
import type { Exited, KeeperLink, Welcome } from './keeper-link.ts';
import type { LogHub } from './log-hub.ts';
import type { Overrides } from './overrides.ts';
import type { AppPlan, ServicePlan } from './plan.ts';
import { Registry } from './registry.ts';
import { Slots } from './slots.ts';
import type { Transition } from './slots.ts';
import { controlPath, instanceAddress, Spawner } from './spawner.ts';
import type { SpawnerNeeds } from './spawner.ts';
import { SpoolTails } from './spool-tails.ts';
import { makeStatus } from './status.ts';
import { Watch } from './watch.ts';

export interface RunningAppNeeds extends Pick<SpawnerNeeds, 'runDir' | 'stateDir' | 'env' | 'logLevel'> {
  readonly keeper: KeeperLink;
  readonly welcome: Welcome;
  readonly plan: AppPlan;
  readonly startedAt: number;
  readonly overrides: Overrides;
  readonly hub: LogHub;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: Random;
  readonly onTransition: (event: TransitionEvent) => void;
}

/** A memo of the keeper: a slot, and its record in the statistics file. */
export interface SlotMemo {
  readonly slot: SlotState;
  readonly index: number;
}

const memoPrefix = 'slot:';
/** Of the keeper: a stop of the whole app has begun. */
export const stopMemo = 'stop';
const longestReason = 1_000;
const announceMs = 500;
const statusEveryMs = 1_000;

export class RunningApp {
  readonly plan: AppPlan;
  readonly slots: Slots;
  readonly registry: Registry;
  readonly control: ControlServer;
  readonly events: EventLog;
  readonly overrides: Overrides;
  readonly #needs: RunningAppNeeds;
  readonly #spawner: Spawner;
  readonly #watch: Watch;
  readonly #tails: SpoolTails;
  readonly #counters: CounterDirectory;
  readonly #ports = new Map<string, number>();
  /** What an instance said of why it cannot start. */
  readonly #words = new Map<string, string>();
  readonly #manifestHashes = new Map<string, string>();
  readonly #listeners = new Set<(event: TransitionEvent) => void>();
  /** Once a stop of the app began nothing is started any more. */
  #isStopping = false;
  #considering = false;
  #statusTimer: Timer | undefined;

  constructor(needs: RunningAppNeeds) {
    const { clock, random, welcome, log, runDir, hub } = needs;
    const isSuccessor = welcome.generation > 1;
    this.#needs = needs;
    this.plan = needs.plan;
    this.overrides = needs.overrides;
    this.events = new EventLog(clock, welcome.generation);
    if (!isSuccessor) createCounters(countersPath(runDir), bounds.sharedNames);
    this.#counters = new CounterDirectory(countersPath(runDir));
    this.registry = new Registry({
      generation: welcome.generation,
      address: (service, slot) => instanceAddress(runDir, service, slot),
      publish: (delta) => {
        this.control.broadcast({ op: 'delta', ...delta });
      },
    });
    this.slots = new Slots({
      ...{ clock, random },
      policies: (service) => this.planOf(service),
      perform: (command, slot) => {
        this.#perform(command, slot);
      },
      remember: (slot) => {
        this.#remember(slot);
      },
      forget: (id) => {
        this.#memo(id, null);
      },
      onTransition: (transition) => {
        this.#onTransition(transition);
      },
    });
    const dispatch = this.slots.dispatch.bind(this.slots);
    this.#watch = new Watch({
      path: statisticsPath(runDir),
      slots: () => this.slots.all(),
      policy: (service) => this.planOf(service).health,
      ...{ clock, log, isSuccessor, dispatch },
    });
    this.#spawner = new Spawner({
      ...needs,
      plan: () => this.plan,
      keys: welcome.keys,
      statisticsIndex: (id) => this.#watch.indexOf(id),
      dispatch,
    });
    this.#tails = new SpoolTails({ stateDir: needs.stateDir, clock, hub, slot: (id) => this.slots.get(id) });
    this.control = new ControlServer({
      ...{ clock, log },
      path: controlPath(runDir),
      verify: makeVerifier(welcome.keys.publicKey),
      isCurrent: (claims) => this.slots.get(slotId(claims))?.epoch === claims.epoch,
      onHello: (claims, hello) => {
        this.#onHello(claims, hello);
      },
      onMessage: (id, message) => {
        this.#onMessage(id, message);
      },
      onGone: () => undefined,
    });
  }

  /** Sockets first, then whoever a predecessor left, then who is wanted. @throws {TuttiError} when a port is taken. */
  async start(): Promise<void> {
    await this.control.listen();
    for (const { listener } of this.plan.services.values()) {
      if (listener === undefined) continue;
      const { port } = await this.#needs.keeper.ask<{ port: number }>({ op: 'listen', ...listener });
      this.#ports.set(listener.name, port);
    }
    this.#restore();
    // A stop that a predecessor began is only finished.
    if (this.#needs.welcome.memos[stopMemo] !== undefined) this.beginStop();
    else for (const plan of this.plan.services.values()) this.applyWanted(plan.name);
    this.#consider();
    this.#tellStatus();
  }

  planOf(service: string): ServicePlan {
    const plan = this.plan.services.get(service);
    if (plan === undefined) throw new TuttiError('NOT_FOUND', { what: `The service ${service}` });
    return plan;
  }

  wanted(service: string): number {
    return this.overrides.replicas(service) ?? this.planOf(service).replicas;
  }

  /** Adds slots that are wanted and starts them, unless stopped by hand; stops those beyond. */
  applyWanted(service: string): void {
    const count = this.wanted(service);
    for (let slot = 1; slot <= count; slot += 1) {
      this.slots.add(service, slot);
      this.#tails.watch({ service, slot });
    }
    for (const slot of this.slots.of(service)) {
      if (slot.slot > count)
        this.slots.dispatch(slotId(slot), { type: 'stop', reason: `scaled to ${String(count)}` });
      else if (!this.overrides.isStopped(service)) this.slots.dispatch(slotId(slot), { type: 'start' });
    }
    this.#dropSurplus(service);
  }

  beginStop(): void {
    this.#isStopping = true;
  }

  urls(service: string): string[] {
    const { listener } = this.planOf(service);
    const port = this.#ports.get(service);
    if (listener === undefined || port === undefined) return [];
    return [`http://${listener.host.includes(':') ? `[${listener.host}]` : listener.host}:${String(port)}`];
  }

  status(): AppStatus {
    const { startedAt, welcome, clock } = this.#needs;
    return makeStatus({
      ...{ startedAt, clock, generation: welcome.generation, app: this.plan.app.name },
      pids: { keeper: process.ppid, supervisor: process.pid },
      plans: [...this.plan.services.values()],
      wanted: (service) => (this.overrides.isStopped(service) ? 0 : this.wanted(service)),
      slots: (service) => this.slots.of(service),
      samples: (slot) => this.#watch.samples(slot),
      since: (id) => this.events.since(id),
      urls: (service) => this.urls(service),
      shared: Object.fromEntries(this.#counters.list().map(({ name, value }) => [name, value])),
      notes: [...this.overrides.notes(), ...this.#changedCode()],
    });
  }

  /** Told after each transition; gives the function that ends it. */
  onTransition(listener: (event: TransitionEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  onExited(exit: Exited): void {
    this.#tails.drain(exit.key);
    const words = this.#words.get(exit.key);
    this.#words.delete(exit.key);
    this.slots.dispatch(exit.key, {
      type: 'exited',
      epoch: exit.epoch,
      code: exit.code,
      signal: exit.signal,
      ...(words === undefined ? {} : { words }),
    });
    void this.#needs.keeper.ask({ op: 'forget', key: exit.key, epoch: exit.epoch }).catch(() => undefined);
  }

  close(): void {
    this.#statusTimer?.cancel();
    this.slots.close();
    this.#watch.close();
    this.#tails.close();
    this.control.close();
    this.#counters.close();
  }

  /** Memos say what was, the keeper's list says what is. */
  #restore(): void {
    const { memos, processes, exited } = this.#needs.welcome;
    const living = new Map(processes.map((process) => [process.key, process]));
    const ended = new Set(exited.map((exit) => exit.key));
    for (const [key, memo] of Object.entries(memos)) {
      if (!key.startsWith(memoPrefix)) continue;
      const { slot, index } = memo as SlotMemo;
      const id = slotId(slot);
      this.#watch.claim(id, index);
      this.slots.restore(slot);
      this.#tails.watch(slot);
      const process = living.get(id);
      if (process?.epoch === slot.epoch)
        this.slots.dispatch(id, { type: 'spawned', pid: process.pid, processStart: process.startTime });
      // The order to spawn it did not arrive, or its end was told to nobody who is left.
      else if (hasProcess(slot) && !ended.has(id))
        this.slots.dispatch(id, {
          type: 'spawn-failed',
          code: 'EAGAIN',
          message: 'the supervisor died before it was spawned',
        });
    }
    for (const plan of this.plan.services.values()) this.registry.update(plan, this.slots.of(plan.name));
    for (const exit of exited) this.onExited({ op: 'exited', ...exit });
  }

  #perform(command: SlotCommand, slot: SlotState): void {
    switch (command) {
      case 'spawn':
        void this.#spawner.spawn(slot, this.planOf(slot.service));
        return;
      case 'drain':
        void this.#drain(slot);
        return;
      case 'term':
        this.#spawner.signal(slot, 'SIGTERM');
        return;
      case 'kill':
        this.#spawner.signal(slot, 'SIGKILL');
    }
  }

  /** Nobody is sent there any more, and all know it, before it is told to finish. */
  async #drain(slot: SlotState): Promise<void> {
    const plan = this.planOf(slot.service);
    this.registry.update(plan, this.slots.of(slot.service));
    await this.control.announced(this.registry.revision, announceMs);
    const timeoutMs = plan.stop.drainTimeout;
    const told = this.control.send(slotId(slot), { op: 'drain', timeoutMs, reason: slot.reason });
    if (!told) this.#spawner.signal(slot, 'SIGTERM');
  }

  #remember(slot: SlotState): void {
    const id = slotId(slot);
    const memo: SlotMemo = {
      slot: { ...slot, reason: slot.reason.slice(0, longestReason) },
      index: this.#watch.indexOf(id),
    };
    this.#memo(id, memo);
  }

  #memo(id: string, value: SlotMemo | null): void {
    void this.#needs.keeper.ask({ op: 'memo', key: `${memoPrefix}${id}`, value }).catch(() => undefined);
  }

  #onTransition(transition: Transition): void {
    const { before, after } = transition;
    const event = this.events.add(transition);
    this.registry.update(this.planOf(after.service), this.slots.of(after.service));
    this.#needs.onTransition(event);
    for (const listener of this.#listeners) listener(event);
    if (before.state === after.state) return;
    this.#consider();
    this.#dropSurplus(after.service);
    this.#statusToSystem();
  }

  /** Once per turn however many transitions there were: one of ours may cause the next. */
  #consider(): void {
    if (this.#considering || this.#isStopping) return;
    this.#considering = true;
    queueMicrotask(() => {
      this.#considering = false;
      if (this.#isStopping) return;
      const needs = (service: string): readonly string[] => this.planOf(service).needs;
      const decisions = decideStarts(this.slots.all(), { needs, mostStarting: 2 * availableParallelism() });
      for (const { id, event } of decisions) this.slots.dispatch(id, event);
    });
  }

  #dropSurplus(service: string): void {
    for (const slot of this.slots.of(service)) {
      if (slot.slot <= this.wanted(service) || hasProcess(slot) || slot.state !== 'stopped') continue;
      this.slots.remove(slotId(slot));
      this.#watch.release(slotId(slot));
    }
  }

  #onHello(claims: CertificateClaims, hello: Hello): void {
    const id = slotId(claims);
    const isSystem = isSystemService(claims.service);
    this.control.send(id, {
      op: 'welcome',
      snapshot: this.registry.snapshot(),
      ...(isSystem ? { manifest: this.plan.manifest } : {}),
    });
    if (isSystem) this.control.send(id, { op: 'status', status: this.status() });
    if (hello.manifestHash !== '') this.#manifestHashes.set(id, hello.manifestHash);
    if (hello.phase === 'ready') this.slots.dispatch(id, { type: 'opened' });
    const slot = this.slots.get(id);
    // A successor finishes a drain that its predecessor had only decided.
    if (slot?.state === 'draining' && hello.phase !== 'draining') void this.#drain(slot);
  }

  #onMessage(id: string, message: Exclude<InstanceMessage, Hello>): void {
    switch (message.op) {
      case 'ready':
        this.#manifestHashes.set(id, message.manifestHash);
        this.slots.dispatch(id, { type: 'opened' });
        return;
      case 'failed':
        this.#words.set(id, message.message);
        return;
      case 'check':
        this.slots.dispatch(id, message.ok ? { type: 'fit' } : { type: 'unfit', reason: message.reason });
        return;
      case 'snapshot':
        this.control.send(id, { op: 'snapshot', snapshot: this.registry.snapshot() });
        return;
      case 'register':
        this.#register(id, message.kind, message.name);
        return;
      case 'ack':
    }
  }

  #register(id: string, kind: 'counter' | 'gauge', name: string): void {
    try {
      this.#counters.register(name, kind);
      this.control.send(id, { op: 'registered', name });
    } catch (error) {
      this.control.send(id, {
        op: 'registered',
        name,
        problem: error instanceof Error ? error.message : String(error),
      });
    }
  }

  #changedCode(): string[] {
    return [...this.#manifestHashes].flatMap(([id, hash]) => {
      const known = this.plan.manifest.services[this.slots.get(id)?.service ?? ''];
      return known === undefined || known.hash === hash
        ? []
        : [`the code of ${id} is not what the app was started with`];
    });
  }

  #statusToSystem(): void {
    this.control.broadcast({ op: 'status', status: this.status() }, isSystemService);
  }

  #tellStatus(): void {
    this.#statusTimer = this.#needs.clock.after(statusEveryMs, () => {
      this.#statusToSystem();
      this.#tellStatus();
    });
  }
}
