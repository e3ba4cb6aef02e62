/**
 * Files that processes of one user share, made so that nobody else can have laid them out: unlinked, then created
 * 0600 with O_EXCL, never through a symlink; opened only when owner, mode and kind are right.
 */
import { closeSync, constants, fstatSync, openSync, rmSync, writeSync } from 'node:fs';
import { TuttiError } from '../core/errors.ts';

const fresh = constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | constants.O_RDWR;
const existing = constants.O_NOFOLLOW | constants.O_RDWR;

export function createPrivateFile(path: string, content: Uint8Array): void {
  rmSync(path, { force: true });
  const fd = openSync(path, fresh, 0o600);
  try {
    for (let done = 0; done < content.length;) done += writeSync(fd, content, done);
  } finally {
    closeSync(fd);
  }
}

/**
 * For a file that SQLite opens next: by itself it would follow a symlink and use the umask. What is there is left as it is.
 * @throws what the system says, or that owner, mode or kind are wrong.
 */
export function ensurePrivateFile(path: string): void {
  const fd = openSync(path, constants.O_CREAT | existing, 0o600);
  try {
    if (!isPrivate(fd)) throw new Error('wrong owner, mode or kind of file');
  } finally {
    closeSync(fd);
  }
}

/** @throws {TuttiError} `CONFIG_INVALID` when it is not there, or not as `createPrivateFile` makes it. */
export function openPrivateFile(path: string): number {
  let fd: number;
  try {
    fd = openSync(path, existing);
  } catch (error) {
    throw unusable(path, 'cannot be opened', error);
  }
  if (isPrivate(fd)) return fd;
  closeSync(fd);
  throw unusable(path, 'has another owner, mode or kind than we gave it');
}

function isPrivate(fd: number): boolean {
  const { mode, uid, nlink } = fstatSync(fd);
  const isOurs = uid === (process.getuid?.() ?? uid);
  return isOurs && (mode & constants.S_IFMT) === constants.S_IFREG && (mode & 0o077) === 0 && nlink === 1;
}

export const unusable = (path: string, problem: string, cause?: unknown): TuttiError =>
  new TuttiError('CONFIG_INVALID', { message: `The shared file ${path} ${problem}`, path }, { cause });
