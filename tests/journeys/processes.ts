/** Looks at processes from outside. A zombie is none: some init processes reap late. */
import { readFileSync } from 'node:fs';

export function livesStill(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}

export async function untilGone(pids: readonly number[], timeoutMs = 15_000): Promise<number> {
  const began = performance.now();
  while (pids.some(livesStill)) {
    if (performance.now() - began > timeoutMs)
      throw new Error(`still there after ${String(timeoutMs)} ms: ${pids.filter(livesStill).join(' ')}`);
    await new Promise((done) => setTimeout(done, 20));
  }
  return performance.now() - began;
}
