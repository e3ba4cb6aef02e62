/** A small disk of its own, mounted for a test: in memory, or an image with ext4. Needs root. */
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { TemporaryFolder } from '../os/temporary-folder.ts';

function run(command: string, ...args: string[]): string | undefined {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? undefined : `${command}: ${error?.message ?? stderr.trim()}`;
}

export const mountMemory = (folder: string, size: string): string | undefined =>
  run('mount', '-t', 'tmpfs', '-o', `size=${size},mode=700`, 'tmpfs', folder);

export const mountImage = (image: string, folder: string): string | undefined =>
  run('mount', '-t', 'ext4', '-o', 'loop', image, folder);

export const makeImage = (image: string, size: string): string | undefined =>
  run('truncate', '-s', size, image) ?? run('mkfs.ext4', '-q', '-F', image);

export const remount = (folder: string, how: 'ro' | 'rw'): string | undefined =>
  run('mount', '-o', `remount,${how}`, folder);

export function unmount(folder: string): void {
  if (run('umount', folder) !== undefined) run('umount', '-l', folder);
}

/** Why there can be none here; false: there can. */
export function withoutDisk(kind: 'memory' | 'image'): string | false {
  using folder = new TemporaryFolder();
  const image = folder.file('image');
  using place = new TemporaryFolder();
  const refused =
    kind === 'memory'
      ? mountMemory(place.path, '1m')
      : (makeImage(image, '16M') ?? mountImage(image, place.path));
  if (refused === undefined) unmount(place.path);
  return refused === undefined ? false : `no small disk can be mounted: ${refused}`;
}

/** Takes all the room there is; gives the way to give it back. */
export function fillDisk(folder: string): () => void {
  const path = join(folder, 'filler');
  const fd = openSync(path, 'w');
  for (const piece of [Buffer.alloc(65_536), Buffer.alloc(1_024), Buffer.alloc(1)])
    try {
      while (writeSync(fd, piece) > 0);
    } catch {
      // It is full for pieces of this size.
    }
  closeSync(fd);
  return () => {
    if (existsSync(path)) rmSync(path);
  };
}
