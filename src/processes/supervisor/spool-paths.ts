/** Where the output of a slot goes: two files that all its epochs append to. Used by the spawner and by the log reader. */
import { join } from 'node:path';

export function spoolPaths(
  stateDir: string,
  slot: { readonly service: string; readonly slot: number },
): { out: string; err: string } {
  const stem = join(stateDir, 'spool', `${slot.service.replace(':', '.')}.${String(slot.slot)}`);
  return { out: `${stem}.out`, err: `${stem}.err` };
}
