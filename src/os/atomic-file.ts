/**
 * Replaces a small file so that a reader, or the next boot, sees the old or the new one and never half of either.
 * Used for `running.json`, overrides and other state that a person may look at.
 */
import { closeSync, constants, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

const fresh = constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | constants.O_WRONLY;

export function writeFileAtomic(path: string, text: string): void {
  const temporary = `${path}.${String(process.pid)}.tmp`;
  rmSync(temporary, { force: true });
  try {
    withFile(openSync(temporary, fresh, 0o600), (fd) => {
      const bytes = Buffer.from(text);
      for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
      fsyncSync(fd);
    });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  // The rename itself is only on disk once its directory is.
  withFile(openSync(dirname(path), constants.O_RDONLY), fsyncSync);
}

function withFile(fd: number, use: (fd: number) => void): void {
  try {
    use(fd);
  } finally {
    closeSync(fd);
  }
}
