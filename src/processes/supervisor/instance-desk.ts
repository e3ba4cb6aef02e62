/**
 * What instances say on the control socket, and what they are told in answer. Who they are and that they are current
 * the control server has checked; here their words become events of their slots.
 */
import type { CertificateClaims } from '../../core/certificate.ts';
import { isSystemService, slotId, storeService } from '../../core/ids.ts';
import type { SlotState } from '../../core/instance-state.ts';
import type { AppStatus } from '../../core/status.ts';
import type { AppManifest } from '../../define/manifest.ts';
import type { InstanceMessage, SupervisorMessage } from '../../mesh/control-protocol.ts';
import type { CounterDirectory } from '../../os/shared-counters.ts';
import type { AvoidedTable } from './avoided-table.ts';
import type { CallWatch } from './call-watch.ts';
import type { Hello } from './control-server.ts';
import type { Locks } from './locks.ts';
import type { Registry } from './registry.ts';
import type { Slots } from './slots.ts';

export interface InstanceDeskNeeds {
  readonly manifest: () => AppManifest;
  readonly slots: Slots;
  readonly registry: Registry;
  readonly counters: CounterDirectory;
  readonly locks: Locks;
  readonly avoided: AvoidedTable;
  readonly calls: CallWatch;
  readonly send: (id: string, message: SupervisorMessage) => boolean;
  readonly status: () => AppStatus;
  readonly drain: (slot: SlotState) => void;
  readonly follow: (id: string, after: number | null) => void;
}

export class InstanceDesk {
  readonly #needs: InstanceDeskNeeds;
  /** What an instance said of why it cannot start. */
  readonly #words = new Map<string, string>();
  readonly #manifestHashes = new Map<string, string>();

  constructor(needs: InstanceDeskNeeds) {
    this.#needs = needs;
  }

  onHello(claims: CertificateClaims, hello: Hello): void {
    const { slots, registry, manifest, send, status, drain } = this.#needs;
    const id = slotId(claims);
    const isSystem = isSystemService(claims.service);
    send(id, { op: 'welcome', snapshot: registry.snapshot(), ...(isSystem ? { manifest: manifest() } : {}) });
    if (isSystem) send(id, { op: 'status', status: status() });
    if (hello.manifestHash !== '') this.#manifestHashes.set(id, hello.manifestHash);
    if (hello.phase === 'ready') slots.dispatch(id, { type: 'opened' });
    const slot = slots.get(id);
    // A successor finishes a drain that its predecessor had only decided.
    if (slot?.state === 'draining' && hello.phase !== 'draining') drain(slot);
  }

  onMessage(id: string, message: Exclude<InstanceMessage, Hello>): void {
    const { slots, registry, send } = this.#needs;
    switch (message.op) {
      case 'ready':
        this.#manifestHashes.set(id, message.manifestHash);
        slots.dispatch(id, { type: 'opened' });
        return;
      case 'failed':
        this.#words.set(id, message.message);
        return;
      case 'check':
        slots.dispatch(id, message.ok ? { type: 'fit' } : { type: 'unfit', reason: message.reason });
        return;
      case 'extend':
        slots.dispatch(id, { type: 'extend', ms: message.ms });
        return;
      case 'follow':
        this.#needs.follow(id, message.after);
        return;
      case 'avoids':
        this.#needs.avoided.hear(id, message.list);
        return;
      case 'unheard':
        // Whoever else said it could have any worker ended.
        if (slots.get(id)?.service === storeService) this.#needs.calls.unheard(message.instance, message.job);
        return;
      case 'snapshot':
        send(id, { op: 'snapshot', snapshot: registry.snapshot() });
        return;
      case 'register':
        this.#register(id, message.kind, message.name);
        return;
      case 'lock':
      case 'unwait':
      case 'renew':
      case 'unlock':
        this.#needs.locks.hear(id, message);
        return;
      case 'ack':
    }
  }

  /** Its process has ended: gives what it said of why. */
  takeWords(id: string): string | undefined {
    const words = this.#words.get(id);
    this.#words.delete(id);
    this.#manifestHashes.delete(id);
    return words;
  }

  /** For `status`: whose code is not what the app was started with. */
  notes(): string[] {
    const { slots, manifest } = this.#needs;
    return [...this.#manifestHashes].flatMap(([id, hash]) => {
      const known = manifest().services[slots.get(id)?.service ?? ''];
      return known === undefined || known.hash === hash
        ? []
        : [`the code of ${id} is not what the app was started with`];
    });
  }

  #register(id: string, kind: 'counter' | 'gauge', name: string): void {
    const { counters, send } = this.#needs;
    try {
      counters.register(name, kind);
      send(id, { op: 'registered', name });
    } catch (error) {
      send(id, { op: 'registered', name, problem: error instanceof Error ? error.message : String(error) });
    }
  }
}
