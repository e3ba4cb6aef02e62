/**
 * The app as it runs: slots, who may be called, who is connected, how all fare. Links the parts; the decisions are in core.
 * One transition goes: slots -> event log -> registry -> who may start now -> whoever listens.
 */
import { bounds } from '../../core/bounds.ts';
import { isSystemService, slotId } from '../../core/ids.ts';
import type { SlotCommand, SlotState } from '../../core/instance-state.ts';
import { hasProcess } from '../../core/instance-state.ts';
import type { KeeperState } from '../../core/keeper-frames.ts';
import type { Clock, Random, Timer } from '../../core/ports.ts';
import type { AppStatus } from '../../core/status.ts';
import { TuttiError } from '../../core/errors.ts';
import { makeVerifier } from '../../os/identity.ts';
import { countersPath, statisticsPath } from '../../os/shared-memory-path.ts';
import { CounterDirectory, createCounters } from '../../os/shared-counters.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { ControlServer } from './control-server.ts';
import type { TransitionEvent } from './event-log.ts';
import { EventLog } from './event-log.ts';
import { InstanceDesk } from './instance-desk.ts';
import type { Exited, KeeperLink, Welcome } from './keeper-link.ts';
import type { LogHub } from './log-hub.ts';
import type { Overrides } from './overrides.ts';
import type { AppPlan, ServicePlan } from './plan.ts';
import { Registry } from './registry.ts';
import { hasSlotMemos, rememberSlot, restoreSlots } from './restore.ts';
import { Slots } from './slots.ts';
import type { Transition } from './slots.ts';
import { controlPath, instanceAddress, Spawner } from './spawner.ts';
import type { SpawnerNeeds } from './spawner.ts';
import { SpoolTails } from './spool-tails.ts';
import { makeStatus, urlsOf } from './status.ts';
import { Wanted } from './wanted.ts';
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

/** Of the keeper: a stop of the whole app has begun. */
export const stopMemo = 'stop';
const announceMs = 500;
/** For the last words of a process that has ended, which may be on their way still. */
const lastWordsMs = 500;
const statusEveryMs = 1_000;

export class RunningApp {
  readonly plan: AppPlan;
  readonly slots: Slots;
  readonly registry: Registry;
  readonly control: ControlServer;
  readonly events: EventLog;
  readonly overrides: Overrides;
  readonly wanted: Wanted;
  readonly #needs: RunningAppNeeds;
  readonly #spawner: Spawner;
  readonly #watch: Watch;
  readonly #tails: SpoolTails;
  readonly #counters: CounterDirectory;
  readonly #desk: InstanceDesk;
  readonly #ports = new Map<string, number>();
  readonly #listeners = new Set<(event: TransitionEvent) => void>();
  #statusTimer: Timer | undefined;
  #isRestored = false;

  constructor(needs: RunningAppNeeds) {
    const { clock, random, welcome, log, runDir, hub } = needs;
    const isSuccessor = hasSlotMemos(welcome.memos);
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
      onTransition: (transition) => {
        this.#onTransition(transition);
      },
    });
    this.#watch = new Watch({
      path: statisticsPath(runDir),
      slots: () => this.slots.all(),
      policy: (service) => this.planOf(service).health,
      ...{ clock, log, isSuccessor, dispatch: this.slots.dispatch.bind(this.slots) },
    });
    this.#spawner = new Spawner({
      ...needs,
      plan: () => this.plan,
      keys: welcome.keys,
      statisticsIndex: (id) => this.#watch.indexOf(id),
      dispatch: ({ epoch, ...slot }, event) => {
        const id = slotId(slot);
        if (this.slots.get(id)?.epoch === epoch) this.slots.dispatch(id, event);
      },
    });
    this.#tails = new SpoolTails({ stateDir: needs.stateDir, clock, hub, slot: (id) => this.slots.get(id) });
    this.wanted = new Wanted({
      ...{ plan: this.plan, overrides: this.overrides, slots: this.slots },
      onAdded: (slot) => {
        this.#tails.watch(slot);
      },
      onDropped: (id) => {
        this.#watch.release(id);
        this.#tails.forget(id);
      },
    });
    this.#desk = new InstanceDesk({
      ...{ slots: this.slots, registry: this.registry, counters: this.#counters },
      manifest: this.plan.manifest,
      send: (id, message) => this.control.send(id, message),
      status: () => this.status(),
      drain: (slot) => void this.#drain(slot),
    });
    this.control = new ControlServer({
      ...{ clock, log },
      path: controlPath(runDir),
      verify: makeVerifier(welcome.keys.publicKey),
      isCurrent: (claims) => {
        const slot = this.slots.get(slotId(claims));
        return slot !== undefined && slot.epoch === claims.epoch && hasProcess(slot);
      },
      onHello: (claims, hello) => {
        this.#desk.onHello(claims, hello);
      },
      onMessage: (id, message) => {
        this.#desk.onMessage(id, message);
      },
    });
  }

  /** Ports first, then whoever a predecessor left, then who is wanted. @throws {TuttiError} when a port is taken. */
  async start(): Promise<void> {
    for (const { listener } of this.plan.services.values()) {
      if (listener === undefined) continue;
      const { port } = await this.#needs.keeper.ask<{ port: number }>({ op: 'listen', ...listener });
      this.#ports.set(listener.name, port);
    }
    // Before instances can connect: who is not known yet would be refused. The welcome is old by now: who ended since is in the list.
    this.#restore(await this.#needs.keeper.ask<KeeperState>({ op: 'list' }));
    await this.control.listen();
    // A stop that a predecessor began is only finished.
    if (this.#needs.welcome.memos[stopMemo] !== undefined) this.wanted.beginStop();
    else for (const plan of this.plan.services.values()) this.wanted.apply(plan.name, 'resume');
    this.wanted.consider();
    this.#tellStatus();
  }

  planOf(service: string): ServicePlan {
    const plan = this.plan.services.get(service);
    if (plan === undefined) throw new TuttiError('NOT_FOUND', { what: `The service ${service}` });
    return plan;
  }

  status(): AppStatus {
    const { startedAt, welcome, clock } = this.#needs;
    return makeStatus({
      ...{ startedAt, clock, generation: welcome.generation, app: this.plan.app.name },
      pids: { keeper: process.ppid, supervisor: process.pid },
      plans: [...this.plan.services.values()],
      wanted: (service) => (this.overrides.isStopped(service) ? 0 : this.wanted.count(service)),
      slots: (service) => this.slots.of(service),
      samples: (slot) => this.#watch.samples(slot),
      since: (id) => this.events.since(id),
      urls: (service) => urlsOf(this.planOf(service).listener, this.#ports.get(service)),
      shared: Object.fromEntries(this.#counters.list().map(({ name, value }) => [name, value])),
      notes: [...this.overrides.notes(), ...this.#desk.notes()],
    });
  }

  /** Told after each transition; gives the function that ends it. */
  onTransition(listener: (event: TransitionEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** What it said last is heard before its end is told. */
  async onExited({ key, epoch, code, signal }: Exited): Promise<void> {
    // The keeper keeps it until it is forgotten, so it is in the list that is asked for.
    if (!this.#isRestored) return;
    await this.control.left(key, lastWordsMs);
    await this.#tails.finish(key);
    const words = this.#desk.takeWords(key);
    this.slots.dispatch(key, {
      ...{ type: 'exited', epoch, code, signal },
      ...(words === undefined ? {} : { words }),
    });
    await this.#needs.keeper.ask({ op: 'forget', key, epoch }).catch(() => undefined);
  }

  close(): void {
    this.#statusTimer?.cancel();
    this.slots.close();
    this.#watch.close();
    this.#tails.close();
    this.control.close();
    this.#counters.close();
  }

  #restore(state: KeeperState): void {
    restoreSlots({
      ...{ state, keeper: this.#needs.keeper, slots: this.slots },
      prepare: ({ slot, index }) => {
        // A place that nobody writes to may have been given to another since.
        if (hasProcess(slot)) this.#watch.claim(slotId(slot), index);
        this.#tails.watch(slot);
      },
      spawn: (slot) => {
        this.#perform('spawn', slot);
      },
    });
    for (const plan of this.plan.services.values()) this.registry.update(plan, this.slots.of(plan.name));
    this.#isRestored = true;
    for (const exit of state.exited) void this.onExited({ op: 'exited', ...exit });
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
    const id = slotId(slot);
    const plan = this.planOf(slot.service);
    this.registry.update(plan, this.slots.of(slot.service));
    await this.control.announced(this.registry.revision, announceMs);
    // It may have ended meanwhile, and the next one must not be told.
    const now = this.slots.get(id);
    if (now?.epoch !== slot.epoch || now.state !== 'draining') return;
    const timeoutMs = plan.stop.drainTimeout;
    const told = this.control.send(id, { op: 'drain', timeoutMs, reason: slot.reason });
    if (!told) this.#spawner.signal(slot, 'SIGTERM');
  }

  #remember(slot: SlotState): void {
    const { keeper, log } = this.#needs;
    rememberSlot(keeper, { slot, index: this.#watch.indexOf(slotId(slot)) }).catch((error: unknown) => {
      log.error('What is remembered of an instance was refused', {
        slot: slotId(slot),
        error: String(error),
      });
    });
  }

  #onTransition(transition: Transition): void {
    const { before, after } = transition;
    const event = this.events.add(transition);
    this.registry.update(this.planOf(after.service), this.slots.of(after.service));
    this.#needs.onTransition(event);
    for (const listener of this.#listeners) listener(event);
    if (before.state === after.state) return;
    this.wanted.consider();
    this.wanted.dropSurplus(after.service);
    this.#statusToSystem();
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
