/**
 * Where the files are that processes of one app share while they run: in /dev/shm where there is one, so that they
 * never touch a disk, else in the run directory. Every process works the same paths out.
 */
import { createHash } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { join } from 'node:path';

export const statisticsPath = (runDir: string): string => sharedPath(runDir, 'statistics');
export const countersPath = (runDir: string): string => sharedPath(runDir, 'counters');

function sharedPath(runDir: string, name: string): string {
  const uid = process.getuid?.();
  if (process.platform !== 'linux' || uid === undefined || ownerOf('/dev/shm') === undefined)
    return join(runDir, name);
  const hash = createHash('sha256').update(runDir).digest('hex').slice(0, 16);
  const path = `/dev/shm/tutti-${String(uid)}-${hash}-${name}`;
  // Everybody may put a file there: one that another user laid out for us must not stop us.
  const owner = ownerOf(path);
  return owner === undefined || owner === uid ? path : join(runDir, name);
}

function ownerOf(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.uid;
}
