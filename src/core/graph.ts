/**
 * The order of starting: who needs whom. Pure; used by the checks and by the supervisor.
 */

export type Needs = ReadonlyMap<string, readonly string[]>;

/** A cycle as a path that ends where it began (`a -> b -> a`), or undefined. */
export function findCycle(needs: Needs): string[] | undefined {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (name: string): string[] | undefined => {
    const at = path.indexOf(name);
    if (at >= 0) return [...path.slice(at), name];
    if (done.has(name)) return undefined;
    path.push(name);
    for (const need of needs.get(name) ?? []) {
      const cycle = visit(need);
      if (cycle) return cycle;
    }
    path.pop();
    done.add(name);
    return undefined;
  };
  for (const name of needs.keys()) {
    const cycle = visit(name);
    if (cycle) return cycle;
  }
  return undefined;
}

/**
 * Levels to start one after the other, services inside one side by side. Stop in reverse.
 * Wants a graph without cycles; a need that is not among the names is ignored (the check names it).
 */
export function startLevels(needs: Needs): string[][] {
  const levelOf = new Map<string, number>();
  const level = (name: string): number => {
    const known = levelOf.get(name);
    if (known !== undefined) return known;
    const own = (needs.get(name) ?? []).filter((need) => needs.has(need));
    const value = own.length === 0 ? 0 : 1 + Math.max(...own.map(level));
    levelOf.set(name, value);
    return value;
  };
  const levels: string[][] = [];
  for (const name of needs.keys()) (levels[level(name)] ??= []).push(name);
  return levels;
}
