/**
 * What was changed by hand on the running app and outlives it: how many replicas, which services are stopped.
 * `<state>/overrides.json`; taken back by `tutti scale users=default` and `tutti start users`.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { typed } from '../../core/next-steps.ts';
import { isPlainObject } from '../../core/options.ts';
import { writeFileAtomic } from '../../os/atomic-file.ts';

export interface OverrideValues {
  readonly replicas: Readonly<Record<string, number>>;
  readonly stopped: readonly string[];
}

/** How a service is not as the app file says: `users is stopped by hand`. */
export interface ByHand {
  readonly service: string;
  readonly words: string;
  /** The command that takes it back. */
  readonly back: string;
}

/** The reason of whoever a person stopped: a successor does not revive it. */
export const stoppedByHand = 'stopped by hand';

const none: OverrideValues = { replicas: {}, stopped: [] };
const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= 256;

/** What cannot be read counts as none, and is said: a broken file must not keep an app from starting. */
function readOverrides(file: string, problem: (sentence: string) => void): OverrideValues {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return none;
  }
  try {
    const value: unknown = JSON.parse(text);
    if (!isPlainObject(value) || !isPlainObject(value['replicas']) || !Array.isArray(value['stopped']))
      throw new Error('not as we write it');
    const replicas = Object.entries(value['replicas']).filter((entry): entry is [string, number] =>
      isCount(entry[1]),
    );
    return {
      replicas: Object.fromEntries(replicas),
      stopped: value['stopped'].filter((name) => typeof name === 'string'),
    };
  } catch (error) {
    problem(`overrides.json is ignored: ${error instanceof Error ? error.message : String(error)}`);
    return none;
  }
}

export class Overrides {
  readonly #file: string;
  #values: OverrideValues;

  constructor(stateDir: string, problem: (sentence: string) => void) {
    this.#file = join(stateDir, 'overrides.json');
    this.#values = readOverrides(this.#file, problem);
  }

  replicas(service: string): number | undefined {
    return Object.hasOwn(this.#values.replicas, service) ? this.#values.replicas[service] : undefined;
  }

  isStopped(service: string): boolean {
    return this.#values.stopped.includes(service);
  }

  /** Undefined: as the app file says. On disk before it is done. */
  setReplicas(service: string, count: number | undefined): void {
    const { [service]: _before, ...others } = this.#values.replicas;
    this.#save({ ...this.#values, replicas: count === undefined ? others : { ...others, [service]: count } });
  }

  setStopped(service: string, stopped: boolean): void {
    if (stopped === this.isStopped(service)) return;
    const others = this.#values.stopped.filter((name) => name !== service);
    this.#save({ ...this.#values, stopped: stopped ? [...others, service] : others });
  }

  /** For `status`: nobody should have to guess why the app is not as its file says. */
  byHand(): ByHand[] {
    const { replicas, stopped } = this.#values;
    const scaled = Object.entries(replicas).map(([service, count]) => ({
      service,
      words: `is scaled to ${String(count)} by hand`,
      back: `npx tutti scale ${typed(service)}=default`,
    }));
    const ended = stopped.map((service) => ({
      service,
      words: 'is stopped by hand',
      back: `npx tutti start ${typed(service)}`,
    }));
    return [...scaled, ...ended];
  }

  #save(values: OverrideValues): void {
    writeFileAtomic(this.#file, `${JSON.stringify(values, undefined, 2)}\n`);
    this.#values = values;
  }
}
