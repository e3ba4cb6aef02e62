/**
 * `running.json` in the state directory says who runs here and where its admin socket is. Written by the keeper, read
 * by the CLI. It is a hint for people and commands: who really runs is said by the lock alone.
 */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from './atomic-file.ts';

interface Running {
  readonly pid: number;
  readonly app: string;
  readonly appFile: string;
  readonly adminSocket: string;
  /** Epoch milliseconds. */
  readonly startedAt: number;
}

const pathIn = (stateDir: string): string => join(stateDir, 'running.json');

export function writeRunning(stateDir: string, running: Running): void {
  writeFileAtomic(pathIn(stateDir), `${JSON.stringify(running, undefined, 2)}\n`);
}

export function removeRunning(stateDir: string): void {
  rmSync(pathIn(stateDir), { force: true });
}

/** Undefined when there is none, or one that is not as we write it. */
export function readRunning(stateDir: string): Running | undefined {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(pathIn(stateDir), 'utf8'));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { pid, app, appFile, adminSocket, startedAt } = value as Record<keyof Running, unknown>;
  if (!Number.isSafeInteger(pid) || Number(pid) <= 1 || !Number.isFinite(startedAt)) return undefined;
  if (typeof app !== 'string' || typeof appFile !== 'string' || typeof adminSocket !== 'string')
    return undefined;
  return { pid: Number(pid), app, appFile, adminSocket, startedAt: Number(startedAt) };
}
