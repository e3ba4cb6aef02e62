/** Whom a test kills, and in what order: as many of each kind, shuffled. No test of its own. */
import type { Chance } from '../fuzz/chance.ts';

/** By kind, the slots that are of it. */
export type Kinds = Readonly<Record<string, readonly [string, ...string[]]>>;

export interface Victim {
  readonly kind: string;
  readonly slot: string;
}

export interface Kill {
  readonly kind: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** One who has begun something, in a process that tests can ask. */
interface Begun {
  readonly attempt: number;
  readonly at: number;
}

/**
 * Of each thing that is begun once more, how long after the kill that it comes from; of those kills that are of this kind. A process that is killed takes calls for a
 * moment yet, which are lost with it: so it is the last kill before, whoever had it in hand.
 */
export const waitsAfter = (kind: string, kills: readonly Kill[], begun: readonly Begun[]): number[] =>
  begun.flatMap(({ attempt, at }) => {
    const kill = attempt === 1 ? undefined : kills.findLast((one) => one.at <= at);
    return kill?.kind === kind ? [at - kill.at] : [];
  });

export const victimsOf = (kinds: Kinds, each: number, chance: Chance): readonly Victim[] =>
  chance.shuffled(
    Object.entries(kinds).flatMap(([kind, slots]) =>
      Array.from({ length: each }, () => ({ kind, slot: chance.pick(slots) })),
    ),
  );

export const countOf = (victims: readonly Victim[], ...kinds: readonly string[]): number =>
  victims.filter(({ kind }) => kinds.includes(kind)).length;

/** `60 producer, 60 owner, 60 worker` */
export const killsText = (victims: readonly Victim[]): string =>
  [...new Set(victims.map(({ kind }) => kind))]
    .toSorted()
    .map((kind) => `${String(countOf(victims, kind))} ${kind}`)
    .join(', ');

/** `p50 20, p99 80, worst 110 ms` */
export function spreadText(waits: readonly number[]): string {
  const sorted = waits.toSorted((left, right) => left - right);
  const at = (share: number): string => String(sorted[Math.floor(sorted.length * share)] ?? '-');
  return `p50 ${at(0.5)}, p99 ${at(0.99)}, worst ${String(sorted.at(-1) ?? '-')} ms`;
}
