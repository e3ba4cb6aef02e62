/**
 * Decides when an instance that ended starts again, or never. Pure: no timers, no processes.
 * Used by the instance state machine and by the keeper for the supervisor.
 * Source: Erlang/OTP `supervisor` (intensity), AWS "Exponential backoff and jitter".
 */
import type { Random } from './ports.ts';

export interface RestartPolicy {
  /** Quick failures in a row before giving up; undefined: never. */
  readonly maxRestarts?: number | undefined;
  /** Being ready this long makes the next exit a first failure again. Milliseconds. */
  readonly minUptime: number;
  /** From spawn to ready; beyond it the process is killed, and that counts. Milliseconds. */
  readonly startTimeout: number;
  /** Longest wait between two starts. Milliseconds. */
  readonly maxDelay: number;
  /** Resident memory beyond which an instance is replaced; undefined: never. Bytes. */
  readonly memoryMax?: number | undefined;
}

export const exitCodeConfigRefused = 78;
export const crashLoopFrom = 5;

const firstDelayMs = 250;

/** 0 for the first failure, then 250 ms doubling up to `maxDelay`, each spread by a fifth so that a herd does not start at once. */
export function restartDelayMs(failures: number, random: Random, maxDelay = 30_000): number {
  if (failures <= 1) return 0;
  const doubled = Math.min(maxDelay, firstDelayMs * 2 ** (failures - 2));
  return Math.round(doubled * (0.8 + 0.4 * random()));
}

export interface EndedProcess {
  readonly code: number | null;
  /** Quick failures in a row before this one. */
  readonly failures: number;
  /** How long it was ready; undefined when it never was. Milliseconds. */
  readonly readyForMs: number | undefined;
}

export type AfterExit =
  | {
      readonly next: 'backoff';
      readonly failures: number;
      readonly delayMs: number;
      readonly crashLoop: boolean;
    }
  | { readonly next: 'failed'; readonly failures: number; readonly why: 'config-refused' | 'max-restarts' };

/** An exit that nobody asked for, an exit with code 0 too, is a failure. */
export function afterExit(ended: EndedProcess, policy: RestartPolicy, random: Random): AfterExit {
  const quick = ended.readyForMs === undefined || ended.readyForMs < policy.minUptime;
  const failures = quick ? ended.failures + 1 : 1;
  if (ended.code === exitCodeConfigRefused) return { next: 'failed', failures, why: 'config-refused' };
  if (policy.maxRestarts !== undefined && failures > policy.maxRestarts)
    return { next: 'failed', failures, why: 'max-restarts' };
  const delayMs = restartDelayMs(failures, random, policy.maxDelay);
  return { next: 'backoff', failures, delayMs, crashLoop: failures >= crashLoopFrom };
}

/** Errors of a spawn that pass with time; all others need a person. */
const passing: ReadonlySet<string> = new Set(['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE']);
export const spawnErrorPasses = (code: string): boolean => passing.has(code);
