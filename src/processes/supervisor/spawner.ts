/**
 * Carries out what the slots decide: spawn, drain, signal. Turns a slot and its plan into an order for the keeper.
 */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CertificateClaims } from '../../core/certificate.ts';
import { isTuttiError, TuttiError } from '../../core/errors.ts';
import { slotId } from '../../core/ids.ts';
import type { SlotEvent, SlotState } from '../../core/instance-state.ts';
import type { KeeperOrder } from '../../core/keeper-frames.ts';
import type { LogLevel } from '../../core/log-line.ts';
import type { Clock } from '../../core/ports.ts';
import type { Birth } from '../../mesh/control-protocol.ts';
import { socketPath } from '../../os/directories.ts';
import { issueCertificate } from '../../os/identity.ts';
import { canInheritSockets } from '../../os/listening-socket.ts';
import { countersPath, statisticsPath } from '../../os/shared-memory-path.ts';
import type { KeeperLink } from './keeper-link.ts';
import type { AppPlan, ServicePlan } from './plan.ts';
import { spoolPaths } from './spool-paths.ts';

export interface SpawnerNeeds {
  readonly keeper: KeeperLink;
  readonly plan: () => AppPlan;
  readonly keys: { readonly publicKey: string; readonly privateKey: string };
  readonly runDir: string;
  readonly stateDir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly logLevel: LogLevel;
  readonly clock: Clock;
  readonly statisticsIndex: (id: string) => number;
  /** What becomes of the process of this epoch; of an earlier one nobody wants to know. */
  readonly dispatch: (slot: SlotState, event: SlotEvent) => void;
}

const entry = fileURLToPath(new URL('../instance/instance.js', import.meta.url));
/** The first descriptor after the lifeline. */
const firstListenerFd = 4;

export const instanceAddress = (runDir: string, service: string, slot: number): string =>
  socketPath(runDir, `${service}.${String(slot)}`);
export const controlPath = (runDir: string): string => socketPath(runDir, 'control');

/** The system's word. What the keeper itself refuses (it has too much to do, an earlier process still ends) passes with time. */
function errnoOf(error: unknown): string {
  const errno = error instanceof TuttiError ? error.data['errno'] : undefined;
  if (typeof errno === 'string') return errno;
  return isTuttiError(error, 'OVERLOADED') || isTuttiError(error, 'CONFLICT') ? 'EAGAIN' : 'INTERNAL';
}

const poolOf = ({ pool }: ServicePlan): Pick<Birth, 'pool'> =>
  pool === undefined ? {} : { pool: { callLimitMs: pool.callLimit } };

export class Spawner {
  readonly #needs: SpawnerNeeds;

  constructor(needs: SpawnerNeeds) {
    this.#needs = needs;
  }

  /** What comes of it returns as `spawned` or `spawn-failed`. */
  async spawn(slot: SlotState, service: ServicePlan): Promise<void> {
    const { keeper, dispatch } = this.#needs;
    let event: SlotEvent;
    try {
      const order = this.#order(slot, service);
      const { pid, startTime } = await keeper.ask<{ pid: number; startTime: number }>(order);
      event = { type: 'spawned', pid, processStart: startTime };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      event = { type: 'spawn-failed', code: errnoOf(error), message };
    }
    dispatch(slot, event);
  }

  /** To the whole process group. An answer is not waited for: the exit is what counts. */
  signal(slot: SlotState, signal: 'SIGTERM' | 'SIGKILL'): void {
    void this.#needs.keeper
      .ask({ op: 'signal', key: slotId(slot), signal, group: true })
      .catch(() => undefined);
  }

  #order(slot: SlotState, service: ServicePlan): KeeperOrder {
    const { env, stateDir } = this.#needs;
    const listener = canInheritSockets() ? service.listener?.name : undefined;
    return {
      op: 'spawn',
      key: slotId(slot),
      epoch: slot.epoch,
      entry,
      args: [],
      cwd: dirname(this.#needs.plan().appFile),
      env: { ...env, ...service.env },
      birth: [this.#birth(slot, service, listener !== undefined)],
      listeners: listener === undefined ? [] : [listener],
      spool: spoolPaths(stateDir, slot),
    };
  }

  #birth(slot: SlotState, service: ServicePlan, inherits: boolean): Birth {
    const { plan, keys, runDir, clock, logLevel, statisticsIndex } = this.#needs;
    const self = { service: slot.service, slot: slot.slot, epoch: slot.epoch };
    const claims: CertificateClaims = {
      app: plan().app.name,
      ...self,
      mayCall: service.mayCall,
      issuedAt: clock.wall(),
    };
    const { listener } = service;
    return {
      op: 'birth',
      app: plan().app.name,
      self,
      certificate: issueCertificate(claims, keys.privateKey),
      publicKey: keys.publicKey,
      module: service.module,
      config: service.config,
      address: instanceAddress(runDir, slot.service, slot.slot),
      control: controlPath(runDir),
      statistics: { path: statisticsPath(runDir), index: statisticsIndex(slotId(slot)) },
      counters: countersPath(runDir),
      ...poolOf(service),
      beatMs: service.health.beat,
      checkMs: service.health.checkInterval,
      orphanGraceMs: plan().options.orphanGrace,
      logLevel,
      ...(listener === undefined
        ? {}
        : { listen: inherits ? { fd: firstListenerFd } : { host: listener.host, port: listener.port } }),
    };
  }
}
