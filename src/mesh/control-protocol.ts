/**
 * What supervisor and instance say to each other on the control socket, and the birth frame that an instance finds on fd 3.
 * Messages of an instance are checked field by field: it is honest, but may be out of its mind.
 */
import type { Avoided } from '../core/avoided.ts';
import { bounds } from '../core/bounds.ts';
import type { Certificate } from '../core/certificate.ts';
import type { InstanceRef } from '../core/ids.ts';
import type { JobNamed } from '../core/isolation.ts';
import type { LogLevel } from '../core/log-line.ts';
import { isPlainObject } from '../core/options.ts';
import type { AppStatus } from '../core/status.ts';
import type { AppManifest } from '../define/manifest.ts';
import type { EventBatch } from './runtime.ts';
import type { RegistryDelta, RegistrySnapshot } from './registry-view.ts';

export const controlProtocol = 1;

/** The first frame on fd 3: all that an instance is told at birth. Secrets travel here and nowhere else. */
export interface Birth {
  readonly op: 'birth';
  readonly app: string;
  readonly self: InstanceRef;
  readonly certificate: Certificate;
  readonly publicKey: string;
  /** `file:` URL of the module that exports the definition. */
  readonly module: string;
  readonly config: unknown;
  /** Its own socket, and the supervisor's. */
  readonly address: string;
  readonly control: string;
  readonly statistics: { readonly path: string; readonly index: number };
  readonly counters: string;
  /** It is in a pool. */
  readonly pool?: { readonly callLimitMs: number };
  readonly beatMs: number;
  readonly checkMs: number;
  readonly orphanGraceMs: number;
  readonly logLevel: LogLevel;
  /** Descriptor of an inherited listening socket, or where to listen where none can be inherited. */
  readonly listen?: { readonly fd: number } | { readonly host: string; readonly port: number };
}

export type Phase = 'opening' | 'ready' | 'draining';

export type InstanceMessage =
  | {
      readonly op: 'hello';
      readonly protocol: number;
      readonly certificate: Certificate;
      readonly phase: Phase;
      readonly manifestHash: string;
    }
  /** With the hash of its own manifest: a difference from the app's is shown in `status`. */
  | { readonly op: 'ready'; readonly manifestHash: string }
  /** It cannot start; the sentence says why and where. */
  | { readonly op: 'failed'; readonly message: string }
  | { readonly op: 'check'; readonly ok: boolean; readonly reason: string }
  | { readonly op: 'ack'; readonly revision: number }
  /** It drains and needs this much more time, from now. */
  | { readonly op: 'extend'; readonly ms: number }
  /** The events after this number, when there are some; all up to it are handled. */
  | { readonly op: 'follow'; readonly after: number | null }
  /** Whom it does not ask now, or asks less: all of it. */
  | { readonly op: 'avoids'; readonly list: readonly Avoided[] }
  /** Of the store: this isolated instance has not taken, for all of its grace, that the job was cancelled. */
  | { readonly op: 'unheard'; readonly instance: InstanceRef; readonly job: JobNamed }
  | { readonly op: 'snapshot' }
  | { readonly op: 'register'; readonly kind: 'counter' | 'gauge'; readonly name: string }
  /** It wants the lock; `id` is the number of the question. */
  | {
      readonly op: 'lock';
      readonly id: number;
      readonly name: string;
      readonly ttlMs: number;
      readonly waits: boolean;
    }
  /** It does not wait for it any more. */
  | { readonly op: 'unwait'; readonly id: number; readonly name: string }
  | { readonly op: 'renew'; readonly name: string; readonly fence: number }
  | { readonly op: 'unlock'; readonly name: string; readonly fence: number };

export type SupervisorMessage =
  | { readonly op: 'welcome'; readonly snapshot: RegistrySnapshot; readonly manifest?: AppManifest }
  | ({ readonly op: 'delta' } & RegistryDelta)
  | { readonly op: 'snapshot'; readonly snapshot: RegistrySnapshot }
  /** `maxMs`: with all that it may ask for by `extend`. */
  | { readonly op: 'drain'; readonly timeoutMs: number; readonly maxMs: number; readonly reason: string }
  | { readonly op: 'registered'; readonly name: string; readonly problem?: string }
  | { readonly op: 'status'; readonly status: AppStatus }
  | { readonly op: 'manifest'; readonly manifest: AppManifest }
  | ({ readonly op: 'events' } & EventBatch)
  | {
      readonly op: 'locked';
      readonly id: number;
      readonly name: string;
      readonly fence: number;
      readonly expiresAt: number;
    }
  | {
      readonly op: 'refused';
      readonly id: number;
      readonly problem: 'taken' | 'full';
      readonly holder: string;
    }
  /** `expiresAt`: monotonic milliseconds; null: it is not held any more. */
  | { readonly op: 'renewed'; readonly fence: number; readonly expiresAt: number | null };

const isText = (value: unknown, limit: number): value is string =>
  typeof value === 'string' && value.length <= limit;

const isCertificate = (value: unknown): value is Certificate =>
  isPlainObject(value) && isText(value['text'], 65_536) && isText(value['signature'], 256);

const phases: readonly unknown[] = ['opening', 'ready', 'draining'];

const longestName = 127;
const isTtl = (value: unknown): boolean => typeof value === 'number' && value >= 100 && value <= 86_400_000;
const isLease = ({ name, fence }: Record<string, unknown>): boolean =>
  isText(name, longestName) && Number.isSafeInteger(fence);

const isNumber = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value);
/** Service, slot and epoch. */
const longestInstance = 160;

const isRow = (failures: unknown, percent: unknown): boolean =>
  Number.isSafeInteger(failures) && (percent === undefined || isNumber(percent));

function isAvoided(value: unknown): boolean {
  if (!isPlainObject(value) || !isText(value['instance'], longestInstance)) return false;
  if (!/^.+#\d+@\d+$/.test(value['instance'])) return false;
  const { kind, action, failures, percent, last, probeAt, latencyMs, failedPart } = value;
  if (kind === 'outlier') return (latencyMs === null || isNumber(latencyMs)) && isNumber(failedPart);
  const isBreaker = kind === 'breaker' && isText(action, longestName) && isText(last, longestName);
  return isBreaker && isRow(failures, percent) && isNumber(probeAt);
}

const checks: Readonly<Record<InstanceMessage['op'], (frame: Record<string, unknown>) => boolean>> = {
  hello: (frame) =>
    Number.isSafeInteger(frame['protocol']) &&
    isCertificate(frame['certificate']) &&
    phases.includes(frame['phase']) &&
    isText(frame['manifestHash'], 64),
  ready: (frame) => isText(frame['manifestHash'], 64),
  failed: (frame) => isText(frame['message'], 65_536),
  check: (frame) => typeof frame['ok'] === 'boolean' && isText(frame['reason'], 4_096),
  ack: (frame) => Number.isSafeInteger(frame['revision']),
  extend: ({ ms }) => typeof ms === 'number' && Number.isFinite(ms) && ms >= 0,
  follow: ({ after }) => after === null || Number.isSafeInteger(after),
  avoids: ({ list }) => Array.isArray(list) && list.length <= bounds.avoidedTold && list.every(isAvoided),
  unheard: ({ instance, job }) =>
    isPlainObject(instance) &&
    isText(instance['service'], longestName) &&
    Number.isSafeInteger(instance['slot']) &&
    Number.isSafeInteger(instance['epoch']) &&
    isPlainObject(job) &&
    isText(job['queue'], longestName) &&
    Number.isSafeInteger(job['number']),
  snapshot: () => true,
  register: (frame) =>
    (frame['kind'] === 'counter' || frame['kind'] === 'gauge') && isText(frame['name'], longestName),
  lock: ({ id, name, ttlMs, waits }) =>
    Number.isSafeInteger(id) && isText(name, longestName) && isTtl(ttlMs) && typeof waits === 'boolean',
  unwait: ({ id, name }) => Number.isSafeInteger(id) && isText(name, longestName),
  renew: isLease,
  unlock: isLease,
};

/** Undefined: nothing that an instance would say. */
export function readInstanceMessage(frame: unknown): InstanceMessage | undefined {
  if (!isPlainObject(frame)) return undefined;
  const { op } = frame;
  if (typeof op !== 'string' || !Object.hasOwn(checks, op)) return undefined;
  return checks[op as InstanceMessage['op']](frame) ? (frame as unknown as InstanceMessage) : undefined;
}
