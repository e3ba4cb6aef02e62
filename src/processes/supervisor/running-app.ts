/**
 * The app as it runs: slots, who may be called, who is connected, how all fare. Links the parts; the decisions are in core.
 * One transition goes: slots -> event log -> registry -> who may start now -> whoever listens.
 */
import { join } from 'node:path';
import { bounds } from '../../core/bounds.ts';
import type { TuttiEvent } from '../../core/events.ts';
import { eventHookService, instanceId, isSystemService, slotId } from '../../core/ids.ts';
import { hasProcess } from '../../core/instance-state.ts';
import type { KeeperState } from '../../core/keeper-frames.ts';
import type { Clock, Random, Timer } from '../../core/ports.ts';
import type { AppStatus } from '../../core/status.ts';
import { TuttiError } from '../../core/errors.ts';
import { makeVerifier } from '../../os/identity.ts';
import { countersPath, statisticsPath } from '../../os/shared-memory-path.ts';
import { CounterDirectory, createCounters } from '../../os/shared-counters.ts';
import { Fences } from '../../os/fences.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { Autoscaler } from './autoscaler.ts';
import { AvoidedTable } from './avoided-table.ts';
import { CallWatch } from './call-watch.ts';
import { ControlServer } from './control-server.ts';
import { EventFeed } from './event-feed.ts';
import { EventLog } from './event-log.ts';
import { InstanceDesk } from './instance-desk.ts';
import { Exits } from './exits.ts';
import type { Exited, KeeperLink, Welcome } from './keeper-link.ts';
import type { LogHub } from './log-hub.ts';
import type { Overrides } from './overrides.ts';
import type { AppPlan, ServicePlan } from './plan.ts';
import { Registry } from './registry.ts';
import { Rolls } from './rolls.ts';
import { hasSlotMemos, restoreSlots, slotMemo } from './restore.ts';
import { Listeners } from './listeners.ts';
import { Locks } from './locks.ts';
import { Deeds } from './deeds.ts';
import { Slots } from './slots.ts';
import type { Transition } from './slots.ts';
import { controlPath, instanceAddress, Spawner } from './spawner.ts';
import type { SpawnerNeeds } from './spawner.ts';
import { SpoolTails } from './spool-tails.ts';
import { makeStatus } from './status.ts';
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
  readonly onEvent: (event: TuttiEvent) => void;
}

/** Of the keeper: a stop of the whole app has begun. */
export const stopMemo = 'stop';
/** How far the event hook has come. */
const hookMemo = 'hook';
const statusEveryMs = 1_000;

export class RunningApp {
  readonly slots: Slots;
  readonly registry: Registry;
  readonly control: ControlServer;
  readonly events: EventLog;
  readonly overrides: Overrides;
  readonly wanted: Wanted;
  readonly rolls: Rolls;
  readonly autoscaler: Autoscaler;
  /** In `tutti dev`: that what runs is not what is in the files. */
  filesNote: string | undefined;
  readonly #needs: RunningAppNeeds;
  readonly #spawner: Spawner;
  readonly #watch: Watch;
  readonly #calls: CallWatch;
  readonly #tails: SpoolTails;
  readonly #counters: CounterDirectory;
  readonly #locks: Locks;
  readonly #avoided: AvoidedTable;
  readonly #desk: InstanceDesk;
  readonly #feed: EventFeed;
  readonly #listeners: Listeners;
  readonly #deeds: Deeds;
  readonly #exits: Exits;
  readonly #followers = new Set<(event: TuttiEvent) => void>();
  #plan: AppPlan;
  #statusTimer: Timer | undefined;

  constructor(needs: RunningAppNeeds) {
    const { clock, random, welcome, log, runDir, hub } = needs;
    const isSuccessor = hasSlotMemos(welcome.memos);
    this.#needs = needs;
    this.#plan = needs.plan;
    this.#listeners = new Listeners(needs.keeper);
    this.overrides = needs.overrides;
    this.events = new EventLog({
      ...{ clock, generation: welcome.generation, directory: join(needs.stateDir, 'events') },
      onEvent: (event) => {
        this.#tell(event);
      },
    });
    this.#feed = new EventFeed({
      events: this.events,
      cursor: welcome.memos[hookMemo],
      remember: (cursor) => {
        this.#remember(hookMemo, cursor);
      },
      send: (id, message) => this.control.send(id, message),
    });
    if (!isSuccessor) createCounters(countersPath(runDir), bounds.sharedNames);
    this.#counters = new CounterDirectory(countersPath(runDir));
    this.registry = new Registry({
      generation: welcome.generation,
      address: (service, slot) => instanceAddress(runDir, service, slot),
      wanted: (service) => this.wanted.count(service),
      publish: (delta) => {
        this.control.broadcast({ op: 'delta', ...delta });
      },
    });
    this.slots = new Slots({
      ...{ clock, random },
      policies: (service) => this.planOf(service),
      perform: (command, slot) => {
        this.#deeds.perform(command, slot);
      },
      remember: (slot) => {
        const { key, value } = slotMemo({ slot, index: this.#watch.indexOf(slotId(slot)) });
        this.#remember(key, value);
      },
      onTransition: (transition) => {
        this.#onTransition(transition);
      },
    });
    this.#watch = new Watch({
      path: statisticsPath(runDir),
      slots: () => this.slots.all(),
      policy: (service) => this.planOf(service).health,
      memoryMax: (service) => this.planOf(service).restart.memoryMax,
      onOverMemory: (slot, evidence) => {
        this.rolls.replaceGrown(slot, evidence);
      },
      onStalled: (lateMs) => {
        this.events.note({ name: 'supervisor:stalled', reason: 'it was held up', evidence: { lateMs } });
      },
      ...{ clock, log, isSuccessor, dispatch: this.slots.dispatch.bind(this.slots) },
    });
    this.#calls = new CallWatch({
      clock,
      slots: () => this.slots.all(),
      plan: () => this.plan,
      record: (slot) => this.#watch.record(slot),
      dispatch: this.slots.dispatch.bind(this.slots),
      recycle: (slot, reason) => {
        this.rolls.begin(slot.service, reason, [slot]);
      },
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
    this.#deeds = new Deeds({
      ...{ spawner: this.#spawner, registry: this.registry },
      ...{ slots: () => this.slots, control: () => this.control },
      planOf: (service) => this.planOf(service),
    });
    this.#tails = new SpoolTails({ stateDir: needs.stateDir, clock, hub, slot: (id) => this.slots.get(id) });
    this.wanted = new Wanted({
      ...{ plan: () => this.plan, overrides: this.overrides, slots: this.slots },
      byLoad: (service) => this.autoscaler.count(service),
      isRolling: (service) => this.rolls.isRolling(service),
      onAdded: (slot) => {
        this.#tails.watch(slot);
      },
      onDropped: (id) => {
        this.#watch.release(id);
        this.#tails.forget(id);
      },
    });
    this.rolls = new Rolls({
      ...{ clock, slots: this.slots, wanted: this.wanted, events: this.events },
      planOf: (service) => this.planOf(service),
      remember: (key, value) => {
        this.#remember(key, value);
      },
    });
    this.autoscaler = new Autoscaler({
      ...{ clock, slots: this.slots, overrides: this.overrides, events: this.events, memos: welcome.memos },
      plan: () => this.plan,
      samples: (slot) => this.#watch.samples(slot),
      isRolling: (service) => this.rolls.isRolling(service),
      isStopping: () => this.wanted.isStopping,
      apply: (service) => {
        this.wanted.apply(service, 'resume');
      },
      remember: (key, value) => {
        this.#remember(key, value);
      },
    });
    const fences = new Fences(join(needs.stateDir, 'fence'));
    this.#locks = new Locks({
      ...{ clock, log, slot: (id) => this.slots.get(id) },
      nextFence: () => fences.next(),
      send: (id, message) => this.control.send(id, message),
      remember: (key, value) => needs.keeper.ask({ op: 'memo', key, value }),
    });
    this.#avoided = new AvoidedTable({ clock, slots: this.slots, events: this.events });
    this.#desk = new InstanceDesk({
      ...{ avoided: this.#avoided, calls: this.#calls },
      ...{ slots: this.slots, registry: this.registry, counters: this.#counters, locks: this.#locks },
      manifest: () => this.plan.manifest,
      send: (id, message) => this.control.send(id, message),
      status: () => this.status(),
      drain: (slot) => void this.#deeds.drain(slot),
      follow: (id, after) => {
        if (this.slots.get(id)?.service === eventHookService) this.#feed.ask(id, after);
      },
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
    this.#exits = new Exits({
      ...{ hub, keeper: needs.keeper, control: this.control, tails: this.#tails },
      ...{ desk: this.#desk, slots: this.slots },
    });
  }

  /** Ports first, then whoever a predecessor left, then who is wanted. @throws {TuttiError} when a port is taken. */
  async start(): Promise<void> {
    await this.#listeners.open(this.plan);
    // Before instances can connect: who is not known yet would be refused. The welcome is old by now: who ended since is in the list.
    this.#locks.restore(this.#needs.welcome.memos);
    this.#restore(await this.#needs.keeper.ask<KeeperState>({ op: 'list' }));
    await this.control.listen();
    // A stop that a predecessor began is only finished.
    if (this.#needs.welcome.memos[stopMemo] !== undefined) this.wanted.beginStop();
    else {
      this.rolls.restore(this.#needs.welcome.memos);
      for (const plan of this.plan.services.values()) this.wanted.apply(plan.name, 'resume');
    }
    this.wanted.consider();
    this.rolls.considerAll();
    this.autoscaler.start();
    this.#tellStatus();
  }

  get plan(): AppPlan {
    return this.#plan;
  }

  /** Before another plan: ports that it has not are let go, those that it has are bound. */
  replaceListeners(plan: AppPlan): Promise<void> {
    return this.#listeners.replace(this.plan, plan);
  }

  /** Who runs keeps running; gateways are told the new manifest, and who is spawned from now on gets what is planned now. */
  replacePlan(plan: AppPlan): void {
    this.#plan = plan;
    this.control.broadcast({ op: 'manifest', manifest: plan.manifest }, isSystemService);
    this.wanted.consider();
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
      isSpare: (slot) => this.registry.isSpare(slot),
      urls: (service) => this.#listeners.urls(this.planOf(service)),
      shared: Object.fromEntries(this.#counters.list().map(({ name, value }) => [name, value])),
      byHand: this.overrides.byHand(),
      ...{ avoided: this.#avoided.list(), acceptFailures: this.control.acceptFailures },
      notes: [
        ...this.#desk.notes(),
        ...this.autoscaler.notes(),
        ...(this.filesNote === undefined ? [] : [this.filesNote]),
      ],
    });
  }

  /** Told after each event; gives the function that ends it. */
  onEvent(listener: (event: TuttiEvent) => void): () => void {
    this.#followers.add(listener);
    return () => {
      this.#followers.delete(listener);
    };
  }

  onExited(exit: Exited): Promise<void> {
    return this.#exits.onExited(exit);
  }

  close(): void {
    this.#statusTimer?.cancel();
    this.slots.close();
    this.rolls.close();
    this.autoscaler.close();
    this.events.close();
    this.#watch.close();
    this.#calls.close();
    this.#locks.close();
    this.#tails.close();
    this.control.close();
    this.#counters.close();
  }

  #restore(state: KeeperState): void {
    restoreSlots({
      ...{ state, keeper: this.#needs.keeper, slots: this.slots },
      isPlanned: (service) => this.plan.services.has(service),
      prepare: ({ slot, index }) => {
        // A place that nobody writes to may have been given to another since.
        if (hasProcess(slot)) this.#watch.claim(slotId(slot), index);
        this.#tails.watch(slot);
        this.events.catchUp(slot);
      },
      spawn: (slot) => {
        this.#deeds.perform('spawn', slot);
      },
    });
    for (const plan of this.plan.services.values()) this.registry.update(plan, this.slots.of(plan.name));
    this.#exits.open(state.exited);
  }

  /** For a successor. */
  #remember(key: string, value: unknown): void {
    this.#needs.keeper.ask({ op: 'memo', key, value }).catch((error: unknown) => {
      this.#needs.log.error('What is remembered for a successor was refused', { key, error: String(error) });
    });
  }

  #onTransition(transition: Transition): void {
    const { before, after } = transition;
    this.registry.update(this.planOf(after.service), this.slots.of(after.service));
    this.events.transition({ ...transition, now: this.#needs.clock.now() });
    if (before.state === after.state) return;
    if (!hasProcess(after)) this.#gone(instanceId(before));
    // First: a newcomer that failed is not to be started again.
    this.rolls.consider(after.service);
    this.wanted.consider();
    this.wanted.dropSurplus(after.service);
    this.#statusToSystem();
  }

  #gone(instance: string): void {
    this.#locks.gone(instance);
    this.#avoided.gone(instance);
  }

  #tell(event: TuttiEvent): void {
    this.#needs.onEvent(event);
    this.#feed.onEvent();
    for (const listener of this.#followers) listener(event);
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
